package fsverity

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestAlgorithms: numbers are those of include/uapi/linux/fsverity.h, names those
// of fsverity-utils.
func TestAlgorithms(t *testing.T) {
	for _, c := range []struct {
		algorithm Algorithm
		number    uint8
		name      string
		size      int
	}{{SHA256, 1, "sha256", 32}, {SHA512, 2, "sha512", 64}} {
		parsed, err := ParseAlgorithm(c.name)
		if err != nil || parsed != c.algorithm || uint8(parsed) != c.number || parsed.String() != c.name || parsed.Size() != c.size {
			t.Errorf("%s: %v of %d bytes, error %v", c.name, parsed, parsed.Size(), err)
		}
	}
	for _, name := range []string{"", "SHA256", "sha-256", "sha384", "sha256 "} {
		if a, err := ParseAlgorithm(name); err == nil || !strings.Contains(err.Error(), `"`+name+`"`) {
			t.Errorf("%q: %v, error %v", name, a, err)
		}
	}
	if got := Algorithm(3).String(); got != "algorithm 3" {
		t.Errorf("an algorithm that is not known is %q", got)
	}
}

// TestNewDigest: a digest has the bytes that it was made of, and no others.
func TestNewDigest(t *testing.T) {
	for _, algorithm := range []Algorithm{SHA256, SHA512} {
		sum := bytes.Repeat([]byte{0xa5}, algorithm.Size())
		d, err := NewDigest(algorithm, sum)
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Clone(sum)
		sum[0] = 0
		copied := d.Bytes()
		if d.Algorithm() != algorithm || !bytes.Equal(copied, want) || d.String() != strings.Repeat("a5", algorithm.Size()) {
			t.Errorf("%v: %v of %x", d.Algorithm(), d, copied)
		}
		copied[0] = 1
		if got := d.AppendBytes([]byte("before")); string(got) != "before"+string(want) {
			t.Errorf("appended %x", got)
		}
		for _, size := range []int{0, algorithm.Size() - 1, algorithm.Size() + 1} {
			if d, err := NewDigest(algorithm, make([]byte, size)); err == nil || !d.IsZero() {
				t.Errorf("%v of %d bytes: %v, error %v", algorithm, size, d, err)
			}
		}
	}
	for _, unknown := range []Algorithm{0, 3} {
		if d, err := NewDigest(unknown, make([]byte, 32)); err == nil || !d.IsZero() {
			t.Errorf("%v: %v, error %v", unknown, d, err)
		}
	}
	if none := (Digest{}); none.Algorithm() != 0 || none.Bytes() != nil || len(none.AppendBytes(nil)) != 0 {
		t.Errorf("no digest is one of %v: %x", none.Algorithm(), none.Bytes())
	}
}

// TestSumFails: what was read until an error has no digest.
func TestSumFails(t *testing.T) {
	broken := errors.New("broken disk")
	d, err := Sum(SHA256, io.MultiReader(strings.NewReader("text"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || !d.IsZero() {
		t.Errorf("digest %v, error %v", d, err)
	}
}
