package blob

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
)

// errFire is what a broken disk says.
var errFire = errors.New("disk on fire")

// stated is a blob with all that a manifest and config would say of it.
func stated(stored, archive []byte) Blob {
	return Blob{
		Layer: &canon.Layer{Index: 2}, Digest: blobs.Digest(stored), Size: int64(len(stored)), DiffID: blobs.Digest(archive),
		Open: blobs.Opener(stored),
	}
}

// bare is a blob of which nothing is stated.
func bare() Blob { return Blob{Layer: &canon.Layer{Index: 1}, Size: -1} }

// readAll reads a blob to its end and verifies it.
func readAll(b Blob, stored io.Reader) (archive []byte, found Stored, err error) {
	r, err := NewReader(b, stored, nil)
	if err != nil {
		return nil, Stored{}, err
	}
	defer r.Close()
	archive, readErr := io.ReadAll(r)
	if err := r.Verify(); err != nil {
		return archive, Stored{}, err
	}
	return archive, r.Stored(), readErr
}

// rawFrame is a zstd frame whose one block holds data as it is, RFC 8878, section
// 3.1.1: a single segment with a content size of four bytes.
func rawFrame(data string) []byte {
	size := len(data)
	header := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, byte(size), byte(size >> 8), byte(size >> 16), byte(size >> 24)}
	block := size<<3 | 1
	return append(append(header, byte(block), byte(block>>8), byte(block>>16)), data...)
}

// skippableFrame is one of the sixteen kinds of zstd frames without data, RFC 8878,
// section 3.1.2.
func skippableFrame(kind byte, data string) []byte {
	return append([]byte{0x50 | kind, 0x2a, 0x4d, 0x18, byte(len(data)), 0, 0, 0}, data...)
}

// TestReader: however an archive is stored, and however its bytes arrive, it is
// decompressed whole, and its digests are right whether or not they are stated.
func TestReader(t *testing.T) {
	archive := append(layers.Tar("d a\nf a/x ="+strings.Repeat("text", 5000)), "trailing bytes"...)
	var skippable [][]byte
	for kind := range byte(16) {
		skippable = append(skippable, skippableFrame(kind, "data"), skippableFrame(kind, ""))
	}
	skipped := bytes.Join(skippable, nil)
	magic := layers.Tar("f \x1f\x8b\x08name =x")
	for name, c := range map[string]struct {
		stored, archive []byte
		compression     tarfile.Compression
	}{
		"plain":                          {archive, archive, tarfile.Uncompressed},
		"nothing":                        {nil, nil, tarfile.Uncompressed},
		"less than a block":              {[]byte("no archive"), []byte("no archive"), tarfile.Uncompressed},
		"a name that begins as gzip":     {magic, magic, tarfile.Uncompressed},
		"gzip":                           {blobs.Gzip(t, archive), archive, tarfile.Gzip},
		"gzip of nothing":                {blobs.Gzip(t, nil), nil, tarfile.Gzip},
		"gzip of several members":        {blobs.Gzip(t, archive[:700], nil, archive[700:701], archive[701:]), archive, tarfile.Gzip},
		"zstd":                           {blobs.Zstd(t, archive), archive, tarfile.Zstd},
		"zstd of several frames":         {append(blobs.Zstd(t, archive[:700]), blobs.Zstd(t, archive[700:])...), archive, tarfile.Zstd},
		"zstd as the RFC says":           {append(rawFrame("one"), rawFrame("two")...), []byte("onetwo"), tarfile.Zstd},
		"zstd between skippable frames":  {bytes.Join([][]byte{skipped, rawFrame("one"), skipped, rawFrame("two"), skipped}, nil), []byte("onetwo"), tarfile.Zstd},
		"zstd of skippable frames alone": {skipped, nil, tarfile.Zstd},
	} {
		want := Stored{Digest: blobs.Digest(c.stored), Size: int64(len(c.stored)), Compression: c.compression}
		for arrive, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with the end": iotest.DataErrReader,
		} {
			for _, b := range []Blob{bare(), stated(c.stored, c.archive)} {
				got, found, err := readAll(b, wrap(bytes.NewReader(c.stored)))
				if err != nil || !bytes.Equal(got, c.archive) {
					t.Fatalf("%s, %s: %d bytes, want %d, error %v", name, arrive, len(got), len(c.archive), err)
				}
				if (found.Gzip != nil) != (c.compression == tarfile.Gzip) {
					t.Errorf("%s: gzip header %+v", name, found.Gzip)
				}
				found.Gzip = nil
				if diff := cmp.Diff(want, found); diff != "" {
					t.Errorf("%s, %s: %s", name, arrive, diff)
				}
			}
		}
	}
}

// TestSkippableFrames: a blob may begin with a frame of any kind that is skipped, and no
// other number is one.
func TestSkippableFrames(t *testing.T) {
	for kind := range byte(16) {
		stored := append(skippableFrame(kind, "data"), rawFrame("text")...)
		if got, found, err := readAll(bare(), bytes.NewReader(stored)); err != nil || string(got) != "text" || found.Compression != tarfile.Zstd {
			t.Errorf("kind %d: %q, %+v, %v", kind, got, found, err)
		}
		stored[0] ^= 0x10
		if got, found, err := readAll(bare(), bytes.NewReader(stored)); err != nil || !bytes.Equal(got, stored) || found.Compression != tarfile.Uncompressed {
			t.Errorf("number %x: %q, %+v, %v", stored[:4], got, found, err)
		}
	}
}

// TestVerifyReadsAll: a decoder that gives up early does not make a blob truncated, and
// the digest is that of all of it.
func TestVerifyReadsAll(t *testing.T) {
	junk := make([]byte, 10*readAheadBlocks*readAheadBlockSize)
	for name, stored := range map[string][]byte{"gzip": append(blobs.Gzip(t, []byte("x")), junk...), "zstd": append(rawFrame("x"), junk...)} {
		if _, _, err := readAll(stated(stored, []byte("x")), bytes.NewReader(stored)); err == nil || !strings.Contains(err.Error(), "followed by other data") {
			t.Errorf("%s: error %v", name, err)
		}
		other := stated(stored, []byte("x"))
		other.Digest = blobs.Digest(nil)
		if _, _, err := readAll(other, bytes.NewReader(stored)); err == nil || !strings.HasSuffix(err.Error(), "and is "+blobs.Digest(stored).String()) {
			t.Errorf("%s of another digest: error %v", name, err)
		}
	}
}

// TestDiffID: verifying reads what nobody has read, and hashes it.
func TestDiffID(t *testing.T) {
	archive := layers.Tar("f a =" + strings.Repeat("text", 500_000))
	stored := blobs.Gzip(t, archive)
	for _, size := range []int64{0, 1, 512, int64(len(archive))} {
		r, err := NewReader(bare(), bytes.NewReader(stored), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.CopyN(io.Discard, r, size); n != size || err != nil {
			t.Errorf("%d bytes, error %v", n, err)
		}
		if err := r.Verify(); err != nil {
			t.Error(err)
		}
		if r.DiffID() != blobs.Digest(archive) || r.Stored().Digest != blobs.Digest(stored) {
			t.Errorf("%d bytes were read: diffID %v, digest %v", size, r.DiffID(), r.Stored().Digest)
		}
		r.Close()
	}
}

// TestGzipHeader: the header is that of the first member, RFC 1952, section 2.3.
func TestGzipHeader(t *testing.T) {
	var stored bytes.Buffer
	for _, name := range []string{"first", "second"} {
		w, err := gzip.NewWriterLevel(&stored, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		w.Name, w.Comment, w.Extra, w.OS, w.ModTime = name+"\u00e9", "comment of "+name, []byte("AB\x02\x00x"+name[:1]), 3, time.Unix(0x01020304, 0)
		if _, err := w.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, found, err := readAll(bare(), &stored)
	if err != nil {
		t.Fatal(err)
	}
	// XFL of 2 says that the slowest algorithm was used.
	want := &tarfile.GzipHeader{Mtime: 0x01020304, Name: "first\u00e9", Comment: "comment of first", Extra: "AB\x02\x00xf", OS: 3, Flags: 2}
	if diff := cmp.Diff(want, found.Gzip); diff != "" {
		t.Error(diff)
	}
}

// TestVerify: of several faults, the one nearest to what is stored is told.
func TestVerify(t *testing.T) {
	archive, other := layers.Tar("d a\nf a/x ="+strings.Repeat("text", 5000)), layers.Tar("f other")
	gz, zst := blobs.Gzip(t, archive), blobs.Zstd(t, archive)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	flip := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[at] ^= 0x10
		return data
	}
	half := flip(gz, len(gz)/2)
	lying := stated(gz, other)
	lying.Digest = blobs.Digest(zst)
	unstated := stated(gz, other)
	unstated.Digest, unstated.DiffID = v1.Hash{}, v1.Hash{}
	const damaged = "the compressed data is damaged, or followed by other data: "
	for name, c := range map[string]struct {
		blob   Blob
		stored []byte
		want   string
	}{
		"too long":                          {stated(gz, archive), join(gz, []byte{0}), "the blob " + blobs.Digest(gz).String() + " has more than the "},
		"too long by another member":        {stated(gz, archive), join(gz, blobs.Gzip(t, nil)), "has more than the "},
		"truncated":                         {stated(gz, archive), gz[:len(gz)-9], "but the manifest states"},
		"truncated to nothing":              {stated(gz, archive), nil, "has 0 bytes, but the manifest states"},
		"truncated, of another digest":      {lying, gz[:len(gz)-1], "it is truncated"},
		"truncated, nothing else stated":    {unstated, gz[:len(gz)-1], "it is truncated"},
		"damaged":                           {stated(gz, archive), half, "the blob is damaged: it should be " + blobs.Digest(gz).String() + " and is " + blobs.Digest(half).String()},
		"damaged plain":                     {stated(archive, archive), flip(archive, 0), "the blob is damaged: "},
		"of another digest and diffID":      {lying, gz, "the blob is damaged: it should be " + blobs.Digest(zst).String() + " and is " + blobs.Digest(gz).String()},
		"gzip cut after its magic":          {stated(gz[:2], other), gz[:2], damaged + "unexpected EOF"},
		"gzip cut in its header":            {stated(gz[:9], other), gz[:9], damaged + "unexpected EOF"},
		"gzip of an unknown method":         {stated(flip(gz, 2), other), flip(gz, 2), damaged + "gzip: invalid header"},
		"truncated gzip":                    {stated(gz[:len(gz)-9], other), gz[:len(gz)-9], damaged + "unexpected EOF"},
		"gzip without its last byte":        {stated(gz[:len(gz)-1], other), gz[:len(gz)-1], damaged + "unexpected EOF"},
		"gzip of a wrong checksum":          {stated(flip(gz, len(gz)-8), other), flip(gz, len(gz)-8), damaged + "gzip: invalid checksum"},
		"gzip of a wrong size":              {stated(flip(gz, len(gz)-1), other), flip(gz, len(gz)-1), damaged + "gzip: invalid checksum"},
		"data after gzip":                   {stated(join(gz, []byte("junk behind it")), other), join(gz, []byte("junk behind it")), damaged + "gzip: invalid header"},
		"zeros after gzip":                  {stated(join(gz, make([]byte, 512)), other), join(gz, make([]byte, 512)), damaged + "gzip: invalid header"},
		"truncated zstd":                    {stated(zst[:len(zst)-1], other), zst[:len(zst)-1], damaged + "unexpected EOF"},
		"zstd cut after its magic":          {stated(zst[:4], other), zst[:4], damaged + "unexpected EOF"},
		"data after zstd":                   {stated(join(zst, []byte("junk")), other), join(zst, []byte("junk")), damaged + "invalid input: magic number mismatch"},
		"gzip after zstd":                   {stated(join(zst, gz), other), join(zst, gz), damaged + "invalid input: magic number mismatch"},
		"cut skippable frame":               {stated(skippableFrame(0, "data")[:9], other), skippableFrame(0, "data")[:9], damaged + "unexpected EOF"},
		"another archive in gzip":           {stated(gz, other), gz, "its diffID should be " + blobs.Digest(other).String() + " and is " + blobs.Digest(archive).String()},
		"another archive, not compressed":   {stated(archive, other), archive, "the uncompressed layer is not the one that the config names: "},
		"the compressed layer's own diffID": {stated(gz, gz), gz, "its diffID should be " + blobs.Digest(gz).String()},
	} {
		_, _, err := readAll(c.blob, bytes.NewReader(c.stored))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// TestReadFaults: what the disk or network says comes before all that may follow from
// it, even if as many bytes arrived as are stated.
func TestReadFaults(t *testing.T) {
	// Bytes without a pattern, so that compressed blobs are not small.
	var noise strings.Builder
	for i := range 3000 {
		noise.WriteString(blobs.Digest([]byte{byte(i), byte(i >> 8)}).Hex)
	}
	archive := layers.Tar("f a =" + noise.String())
	for name, stored := range map[string][]byte{"plain": archive, "gzip": blobs.Gzip(t, archive), "zstd": blobs.Zstd(t, archive)} {
		for _, size := range []int{0, 1, 2, 100, 600, 70_000, len(stored) - 1, len(stored)} {
			for _, b := range []Blob{bare(), stated(stored, archive), stated(archive[:1], nil)} {
				if b.Size >= 0 && b.Size < int64(size) {
					continue
				}
				_, _, err := readAll(b, io.MultiReader(bytes.NewReader(stored[:size]), iotest.ErrReader(errFire)))
				if err != errFire {
					t.Errorf("%s, %d bytes: error %v", name, size, err)
				}
			}
			r, err := NewReader(bare(), io.MultiReader(bytes.NewReader(stored[:size]), iotest.ErrReader(errFire)), nil)
			if err == nil {
				_, err = io.ReadAll(r)
				r.Close()
			}
			if err == nil || err.Error() != errFire.Error() {
				t.Errorf("%s, %d bytes: reading gives the error %v", name, size, err)
			}
		}
	}
}

// TestWindow: the window may be as large as the zstd tool takes unasked, and no larger,
// RFC 8878, section 3.1.1.1.2.
func TestWindow(t *testing.T) {
	frame := func(log byte) []byte {
		return []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, (log - 10) << 3, 1<<3 | 1, 0, 0, 'x'}
	}
	if got, _, err := readAll(bare(), bytes.NewReader(frame(27))); err != nil || string(got) != "x" {
		t.Errorf("window of 128 MiB: %q, %v", got, err)
	}
	if _, _, err := readAll(bare(), bytes.NewReader(frame(28))); err == nil || !strings.Contains(err.Error(), "window size exceeded") {
		t.Errorf("window of 256 MiB: error %v", err)
	}
}

// TestOtherCompressions: what no layer is compressed with is refused at once, and is no
// archive that ends too early.
func TestOtherCompressions(t *testing.T) {
	for _, stored := range []string{"BZh9", "BZh91AY&SY" + strings.Repeat("x", 600), "\xfd7zXZ\x00", "\xfd7zXZ\x00" + strings.Repeat("x", 600)} {
		if _, _, err := readAll(bare(), strings.NewReader(stored)); err == nil || !strings.Contains(err.Error(), "use gzip or zstd") {
			t.Errorf("%q: error %v", stored[:4], err)
		}
	}
	if got, _, err := readAll(bare(), strings.NewReader("BZ")); err != nil || string(got) != "BZ" {
		t.Errorf("half a magic number: %q, %v", got, err)
	}
}

func TestCheckDigests(t *testing.T) {
	good, odd := blobs.Digest(nil), v1.Hash{Algorithm: "sha512", Hex: "00"}
	for _, c := range []struct {
		digest, diffID v1.Hash
		fails          bool
	}{{v1.Hash{}, v1.Hash{}, false}, {good, v1.Hash{}, false}, {v1.Hash{}, good, false}, {odd, good, true}, {good, odd, true}, {v1.Hash{}, odd, true}} {
		b := Blob{Layer: &canon.Layer{Index: 7, Name: "x.tar"}, Digest: c.digest, DiffID: c.diffID}
		err := b.CheckDigests()
		if !c.fails {
			if err != nil {
				t.Errorf("%v, %v: %v", c.digest, c.diffID, err)
			}
			continue
		}
		var at *canon.EntryError
		if !errors.As(err, &at) || at.Layer != b.Layer || err.Error() != "layer 7 (x.tar): only sha256 digests can be verified, not sha512:00" {
			t.Errorf("%v, %v: error %v", c.digest, c.diffID, err)
		}
	}
}

func TestFail(t *testing.T) {
	b := Blob{Layer: &canon.Layer{Index: 3, Name: "x.tar"}}
	if err := b.Fail(errFire); !errors.Is(err, errFire) || err.Error() != "layer 3 (x.tar): disk on fire" {
		t.Errorf("error %v", err)
	}
}
