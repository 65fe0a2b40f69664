package tarfile

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"cfsverify/canon"
)

// BlockSize is the size in bytes of a header, and what content is padded to.
const BlockSize = 512

// Block is a header block as it stands in an archive: POSIX pax, "ustar Interchange Format"; GNU tar
// manual, "Basic Tar Format".
type Block [BlockSize]byte

func (b *Block) isZero() bool     { return *b == Block{} }
func (b *Block) typeflag() byte   { return b[156] }
func (b *Block) isUstar() bool    { return string(b[257:263]) == "ustar\x00" }
func (b *Block) isGNU() bool      { return string(b[257:265]) == "ustar  \x00" }
func (b *Block) linkname() []byte { return untilNUL(b[157:257]) }

// name puts ustar's prefix before the name. GNU tar keeps other things there.
func (b *Block) name() string {
	name := string(untilNUL(b[0:100]))
	if prefix := untilNUL(b[345:500]); b.isUstar() && len(prefix) > 0 {
		return string(prefix) + "/" + name
	}
	return name
}

func untilNUL(field []byte) []byte {
	before, _, _ := bytes.Cut(field, []byte{0})
	return before
}

// sum adds up the block's bytes, its checksum taken for spaces.
func (b *Block) sum() (unsigned, signed int64) {
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return unsigned, signed
}

// checksum is the checksum field that a canonical tar has for this block.
func (b *Block) checksum() []byte {
	unsigned, _ := b.sum()
	field := []byte("        ")
	octal(field[:7], uint64(unsigned))
	return field
}

// verify checks the sum of the block's bytes, for which old writers took the bytes
// as signed: composefs-rs does not know them. It refuses versions of ustar that only
// archive/tar takes for ustar, and composefs-rs does not, if that makes a difference.
func (b *Block) verify() (Quirks, error) {
	want, err := octalNumber("checksum", b[148:156])
	if err != nil {
		return 0, fmt.Errorf("this is no tar header: %w", err)
	}
	unsigned, signed := b.sum()
	if want != unsigned && want != signed {
		return 0, fmt.Errorf("this is no tar header: its checksum is %d, not %d", unsigned, want)
	}
	known := !b.isUstar() || string(b[263:265]) == "00"
	if !known && (b[345] != 0 || strings.IndexByte("34xLK", b.typeflag()) >= 0) {
		return 0, fmt.Errorf("the version %q of the ustar format is not known: tools disagree what it has", b[263:265])
	}
	if want != unsigned {
		return SignedChecksum, nil
	}
	return 0, nil
}

// header reads an entry's header as far as it can, without what extension
// headers say.
func (b *Block) header() (*canon.Header, error) {
	h := &canon.Header{Typeflag: b.typeflag(), Name: b.name(), Linkname: string(b.linkname())}
	for _, f := range []struct {
		name  string
		field []byte
		value *int64
	}{
		{"mode", b[100:108], &h.Mode},
		{"uid", b[108:116], &h.UID},
		{"gid", b[116:124], &h.GID},
		{"mtime", b[136:148], &h.Mtime.Sec},
	} {
		n, err := number(f.name, f.field)
		if err != nil {
			return h, err
		}
		if n < 0 && f.name != "mtime" {
			return h, errNegative(f.name, n)
		}
		*f.value = n
	}
	var err error
	if h.Size, err = b.size(); err != nil {
		return h, err
	}
	major, minor, err := b.device()
	if err == nil && (h.Typeflag == '3' || h.Typeflag == '4') {
		h.Rdev, err = canon.EncodeRdev(major, minor)
	}
	return h, err
}

func (b *Block) size() (int64, error) {
	n, err := number("size", b[124:136])
	if err == nil && n < 0 {
		err = errNegative("size", n)
	}
	return n, err
}

func errNegative(name string, n int64) error { return fmt.Errorf("the %s is %d, below zero", name, n) }

// device reads the device number, whose fields must be numbers in every entry.
func (b *Block) device() (major, minor int64, err error) {
	if !b.isUstar() && !b.isGNU() {
		if b.typeflag() == '3' || b.typeflag() == '4' {
			err = errors.New("a device without a number: the header is of the format before ustar")
		}
		return 0, 0, err
	}
	if major, err = number("devmajor", b[329:337]); err == nil {
		minor, err = number("devminor", b[337:345])
	}
	return major, minor, err
}

// hasBinaryDevice says that a field of the device number is in base 256, in a header
// of which composefs-rs reads it.
func (b *Block) hasBinaryDevice() bool {
	read := b.isUstar() && string(b[263:265]) == "00" || b.isGNU()
	return read && (isBinary(b[329:337]) || isBinary(b[337:345]))
}

func isBinary(field []byte) bool { return field[0]&0x80 != 0 }

// number reads octal digits, or GNU's base-256 numbers: two's complement
// behind a set top bit.
func number(name string, field []byte) (int64, error) {
	if !isBinary(field) {
		return octalNumber(name, field)
	}
	n := int64(int8(field[0]<<1) >> 1)
	for _, c := range field[1:] {
		if n > math.MaxInt64>>8 || n < math.MinInt64>>8 {
			return 0, fmt.Errorf("the %s % x is out of range", name, field)
		}
		n = n<<8 | int64(c)
	}
	return n, nil
}

func octalNumber(name string, field []byte) (int64, error) {
	digits := bytes.Trim(untilNUL(field), " ")
	// Some tools skip NULs in front of digits, others end there.
	if len(digits) == 0 && !bytes.ContainsAny(field, "01234567") {
		return 0, nil
	}
	n, err := strconv.ParseUint(string(digits), 8, 63)
	if err != nil {
		return 0, fmt.Errorf("the %s %q is no octal number", name, field)
	}
	return int64(n), nil
}

// Field is a part of a header block.
type Field struct {
	Name       string
	Start, End int // in bytes
}

// Fields are all parts of a header block of the ustar format, in their order.
// Those of GNU tar's own format differ behind devminor.
func Fields() []Field {
	return []Field{
		{"name", 0, 100}, {"mode", 100, 108}, {"uid", 108, 116}, {"gid", 116, 124}, {"size", 124, 136}, {"mtime", 136, 148},
		{"checksum", 148, 156}, {"typeflag", 156, 157}, {"linkname", 157, 257}, {"magic", 257, 263}, {"version", 263, 265},
		{"uname", 265, 297}, {"gname", 297, 329}, {"devmajor", 329, 337}, {"devminor", 337, 345}, {"prefix", 345, 500},
		{"unused", 500, BlockSize},
	}
}

// Of is the field's bytes in a block.
func (f Field) Of(b *Block) []byte { return b[f.Start:f.End] }
