package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/limits"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
)

// hiding is an archive with a directory that hides the header of a file, so that
// composefs-rs reads the file's content as headers: n of them.
func hiding(n int) []byte {
	var planted []byte
	for i := range n {
		planted = append(planted, layers.Tar(fmt.Sprintf("f planted%d", i))[:512]...)
	}
	return layers.Tar(fmt.Sprintf("d d size=512\nf a =%q\nf b", planted))
}

func readHiding(ctx context.Context, r io.Reader, most limits.Limits) (*Entries, error) {
	return Read(ctx, r, &canon.Layer{Index: 1}, limits.NewBudget(most), ReadOptions{Hash: fsverity.SHA256})
}

// TestForkLimits: what only composefs-rs reads has the same limits as all else, and to
// go over one of them is no refusal by composefs-rs.
func TestForkLimits(t *testing.T) {
	archive := hiding(2000)
	// The directory, the file, 2,000 entries in it, and the last one, which both read.
	for most, want := range map[int64]bool{2003: false, 2004: true} {
		l, err := readHiding(t.Context(), bytes.NewReader(archive), limits.Limits{Entries: most})
		if limit := new(limits.LimitError); want != (err == nil) || err != nil && !errors.As(err, &limit) {
			t.Errorf("limit %d: error %v", most, err)
		}
		if err == nil && len(l.composefs.List) != 2002 {
			t.Errorf("composefs-rs reads %d entries, want 2002", len(l.composefs.List))
		}
	}
}

// TestForkEnds: whatever ends the reading of an archive ends that of composefs-rs.
func TestForkEnds(t *testing.T) {
	archive := hiding(300)
	if _, err := readHiding(t.Context(), bytes.NewReader(archive[:100<<10]), limits.Limits{}); err == nil || !strings.Contains(err.Error(), "truncated") {
		t.Errorf("a truncated archive: %v", err)
	}
	broken := errors.New("broken")
	failing := io.MultiReader(bytes.NewReader(archive[:100<<10]), blobs.ReaderFunc(func([]byte) (int, error) { return 0, broken }))
	if _, err := readHiding(t.Context(), failing, limits.Limits{}); !errors.Is(err, broken) {
		t.Errorf("a read error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancelling := io.MultiReader(bytes.NewReader(archive[:100<<10]), blobs.ReaderFunc(func([]byte) (int, error) {
		cancel()
		return 0, ctx.Err()
	}))
	if _, err := readHiding(ctx, cancelling, limits.Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	// Composefs-rs fails long before the archive ends.
	l, err := readHiding(t.Context(), bytes.NewReader(layers.Tar("d d size=512\nf a ="+strings.Repeat("x", 1<<20)+"\nf b")), limits.Limits{})
	if err != nil || l.composefs.err == nil || len(l.List) != 3 {
		t.Errorf("error %v, entries %+v", err, l)
	}
}
