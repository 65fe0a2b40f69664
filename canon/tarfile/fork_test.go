package tarfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"cfsverify/canon/tarfile"
	"cfsverify/testdata/layers"
)

// TestFork: the fork takes all sizes for content, reads over a zero block, and drops the
// extension headers before a global one; the reader that it is of does not notice.
func TestFork(t *testing.T) {
	archive := slices.Concat(
		layers.Tar("d a size=512\nf hidden\nd b size=1\nf hidden-too")[:4*512],
		layers.Tar("f c")[:512], make([]byte, 512), layers.Tar("f d")[:512],
		layers.Tar("'L' x =\"long\\x00\"\n'g' g =x\nf e =content"), []byte("trailing"))
	r := tarfile.NewReader(bytes.NewReader(archive))
	first, quirks, err := r.Next()
	if err != nil || quirks != tarfile.SizeWithoutContent {
		t.Fatalf("quirks %b, error %v", quirks, err)
	}
	fork, end := r.Fork(first.Size)
	type result struct {
		names []string
		err   error
	}
	read := func(r *tarfile.Reader) (got result) {
		for {
			h, _, err := r.Next()
			if err != nil {
				if err != io.EOF {
					got.err = err
				}
				n, err := r.Trailing()
				got.err = errors.Join(got.err, err)
				got.names = append(got.names, fmt.Sprint(n))
				return got
			}
			content := ""
			if h.Typeflag == '0' {
				data, err := io.ReadAll(r)
				content, got.err = string(data), errors.Join(got.err, err)
			}
			got.names = append(got.names, fmt.Sprint(h.Name, content, " ", h.Offset))
		}
	}
	done := make(chan result)
	go func() { done <- read(fork) }()
	own := read(r)
	end.Close()
	if want := []string{"hidden 512", "b 1024", "hidden-too 1536", "c 2048"}; !slices.Equal(own.names[:4], want) || own.err == nil || len(own.names) != 5 {
		t.Errorf("the reader has %q, error %v", own.names, own.err)
	}
	if forked, want := <-done, []string{"b 1024", "c 2048", "d 3072", "econtent 5632", "8"}; !slices.Equal(forked.names, want) || forked.err != nil {
		t.Errorf("the fork has %q, error %v, want %q", forked.names, forked.err, want)
	}
}
