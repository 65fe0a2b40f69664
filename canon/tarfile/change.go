package tarfile

import (
	"strconv"
	"strings"
)

// The values of Change.Part besides the names of Fields and, in headers of GNU
// tar's format, "atime", "ctime" and "gnu".
const (
	// PartExtension is an extension header that one side does not have.
	PartExtension = "extension"
	// PartExtensionOrder is the order of extension headers.
	PartExtensionOrder = "extension-order"
	// PartRecord is a PAX record, PartRecordOrder the order of all, and
	// PartRecordForm anything else about how they are written.
	PartRecord      = "record"
	PartRecordOrder = "record-order"
	PartRecordForm  = "record-form"
	// PartData is the content of an extension header that has no records.
	PartData = "data"
	// PartPadding is what fills the last block of a content.
	PartPadding = "padding"
	// PartContent is the content of a file.
	PartContent = "content"
	// PartZeroBlocks is how many zero blocks mark an archive's end, PartTrailing
	// how many bytes follow them, and PartTrailingData what these are.
	PartZeroBlocks   = "zero-blocks"
	PartTrailing     = "trailing"
	PartTrailingData = "trailing-data"
)

// Change is a part of an entry, or of the end, that two archives write differently.
type Change struct {
	// Extension is the type flag of the extension header that it lies in, 0 for the
	// entry's own header and content.
	Extension byte
	Part      string
	// Key is that of a PAX record.
	Key string
	// A and B are the values: numbers as decimal text, but modes in octal;
	// everything else as it is.
	A, B Value
}

// Value is one side of a Change.
type Value struct {
	// Missing: the side has no such part.
	Missing bool
	Text    string
	// Raw is the value as it is written, if both sides have the same Text; else
	// empty.
	Raw string
}

// Same says that both sides mean the same.
func (c *Change) Same() bool { return c.A.Missing == c.B.Missing && c.A.Text == c.B.Text }

// Kind is the change without its values.
func (c *Change) Kind() Change { return Change{Extension: c.Extension, Part: c.Part, Key: c.Key} }

// values make the sides of a change of texts, of which raw is what is written.
func values(a, b, rawA, rawB string) (Value, Value) {
	if a != b {
		return Value{Text: a}, Value{Text: b}
	}
	return Value{Text: a, Raw: rawA}, Value{Text: b, Raw: rawB}
}

// fields are the parts of a header block by its format.
func fields(a, b *Block) []Field {
	all := Fields()
	if a.isGNU() && b.isGNU() {
		// GNU tar manual, "Basic Tar Format": struct oldgnu_header.
		return append(all[:len(all)-2:len(all)-2], Field{"atime", 345, 357}, Field{"ctime", 357, 369}, Field{"gnu", 369, BlockSize})
	}
	return all
}

// text decodes a field as far as it can be decoded.
func (f Field) text(b *Block) string {
	field := f.Of(b)
	switch f.Name {
	case "mode", "uid", "gid", "size", "mtime", "checksum", "devmajor", "devminor", "atime", "ctime":
		n, err := number(f.Name, field)
		switch {
		case err != nil:
			return string(field)
		case f.Name == "mode":
			return "0" + strconv.FormatInt(n, 8)
		}
		return strconv.FormatInt(n, 10)
	case "name", "linkname", "uname", "gname", "prefix":
		return string(untilNUL(field))
	}
	return strings.TrimRight(string(field), "\x00")
}

// blockChanges compares two headers. It leaves out the checksum if anything else
// differs, as that changes it too. sized says that the contents are known to differ:
// then it leaves out the size and the checksum, which follow from that.
func blockChanges(extension byte, a, b *Block, sized bool) []Change {
	var changes []Change
	var sum *Change
	for _, f := range fields(a, b) {
		rawA, rawB := string(f.Of(a)), string(f.Of(b))
		if rawA == rawB {
			continue
		}
		c := Change{Extension: extension, Part: f.Name}
		c.A, c.B = values(f.text(a), f.text(b), rawA, rawB)
		switch {
		case f.Name == "checksum":
			sum = &c
		case f.Name == "size" && sized && !c.Same():
		default:
			changes = append(changes, c)
		}
	}
	if sum != nil && len(changes) == 0 && !sized {
		changes = append(changes, *sum)
	}
	return changes
}
