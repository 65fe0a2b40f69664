package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"cfsverify/canon"
	"cfsverify/importers/limits"
	"cfsverify/testdata/blobs"
)

// repeatFrame is a zstd frame of 128 KiB zeros in 13 bytes: a block that repeats one
// byte, RFC 8878, section 3.1.1.2.2.
func repeatFrame() []byte {
	const size = 128 << 10
	const block = size<<3 | 1<<1 | 1
	return []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, size >> 16, 0, block & 0xff, block >> 8 & 0xff, block >> 16, 0}
}

// readWithin reads a blob of which nothing is stated.
func readWithin(stored []byte, used *limits.Budget) (size int, err error) {
	r, err := NewReader(bare(), bytes.NewReader(stored), used)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	archive, readErr := io.ReadAll(r)
	if verifyErr := r.Verify(); verifyErr != readErr {
		return len(archive), errors.Join(readErr, verifyErr)
	}
	return len(archive), readErr
}

// TestGrowth: a blob may grow as it likes up to a size, and then as far as the ratio
// goes. Nothing comes of what is over a limit.
func TestGrowth(t *testing.T) {
	const frames, archive = 20, 20 * 128 << 10
	bomb := bytes.Repeat(repeatFrame(), frames)
	gz := blobs.Gzip(t, make([]byte, archive))
	for name, stored := range map[string][]byte{"zstd": bomb, "gzip": gz} {
		grows := int64(archive / len(stored))
		for _, c := range []struct {
			most  limits.Limits
			limit limits.Limit
		}{
			{limits.Limits{}, ""},
			{limits.Limits{Ratio: 2, RatioFree: archive}, ""},
			{limits.Limits{Ratio: 2, RatioFree: archive - 1}, limits.RatioLimit},
			{limits.Limits{Ratio: grows + 1}, ""},
			{limits.Limits{Ratio: grows / 2}, limits.RatioLimit},
			{limits.Limits{Bytes: archive}, ""},
			{limits.Limits{Bytes: archive - 1}, limits.BytesLimit},
			{limits.Limits{Bytes: 1}, limits.BytesLimit},
		} {
			size, err := readWithin(stored, limits.NewBudget(c.most).Layer())
			var limit *limits.LimitError
			switch {
			case c.limit == "":
				if err != nil || size != archive {
					t.Errorf("%s, %+v: %d bytes, %v", name, c.most, size, err)
				}
			case !errors.As(err, &limit) || limit.Limit != c.limit || size >= archive:
				t.Errorf("%s, %+v: %d bytes, error %v", name, c.most, size, err)
			case c.most.Bytes > 0 && int64(size) > c.most.Bytes:
				t.Errorf("%s, %+v: %d bytes were given", name, c.most, size)
			}
		}
	}
}

// TestLimitOrDamage: a blob that is not the one that is stated is told as that, however
// far it grows. A limit comes before a wrong diffID, which nobody knows.
func TestLimitOrDamage(t *testing.T) {
	bomb := bytes.Repeat(repeatFrame(), 20)
	read := func(b Blob) error {
		r, err := NewReader(b, bytes.NewReader(bomb), limits.NewBudget(limits.Limits{Bytes: 1000}))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		return r.Verify()
	}
	var limit *limits.LimitError
	if err := read(stated(bomb, nil)); !errors.As(err, &limit) {
		t.Errorf("error %v", err)
	}
	other := stated(bomb, nil)
	other.Digest = blobs.Digest(nil)
	if err := read(other); errors.As(err, &limit) || err == nil {
		t.Errorf("error %v", err)
	}
}

// endless gives zeros, and counts how many.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	clear(p)
	e.read += int64(len(p))
	return len(p), nil
}

// TestTooLong: of a blob that does not end, one byte more than stated is read.
func TestTooLong(t *testing.T) {
	for _, size := range []int64{0, 1, 700, 1 << 20} {
		var stored endless
		b := bare()
		b.Size = size
		r, err := NewReader(b, &stored, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Verify(); err == nil {
			t.Errorf("%d bytes: no error", size)
		}
		r.Close()
		if stored.read != size+1 {
			t.Errorf("%d bytes: %d were read", size, stored.read)
		}
	}
}

// TestClose: once a reader is closed, nothing is read any more, wherever it stands.
func TestClose(t *testing.T) {
	for _, size := range []int64{0, 10, 3 << 20} {
		var stored endless
		r, err := NewReader(bare(), &stored, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, r, size); err != nil {
			t.Fatal(err)
		}
		r.Close()
		// All that read ahead has ended, else this is a race.
		const ahead = 3 * (readAheadBlocks + 2) * readAheadBlockSize
		if stored.read < size || stored.read > size+ahead {
			t.Errorf("%d bytes were wanted, and %d read", size, stored.read)
		}
	}
}

// TestCancelled: who cancels is told so, and not that the blob is damaged.
func TestCancelled(t *testing.T) {
	frame := repeatFrame()
	for name, first := range map[string][]byte{"plain": make([]byte, 1000), "zstd": frame, "zstd in a frame": frame[:11], "gzip": blobs.Gzip(t, make([]byte, 1000))[:20]} {
		for _, size := range []int64{-1, 1 << 40} {
			ctx, cancel := context.WithCancel(t.Context())
			b := Blob{Layer: &canon.Layer{Index: 1}, Size: size, Digest: blobs.Digest(nil), DiffID: blobs.Digest(nil)}
			more := blobs.ReaderFunc(func(p []byte) (int, error) {
				cancel()
				return copy(p, frame), nil
			})
			r, err := NewReader(b, limits.Reader(ctx, io.MultiReader(bytes.NewReader(first), more)), nil)
			if err == nil {
				err = r.Verify()
				r.Close()
			}
			if err != context.Canceled {
				t.Errorf("%s, size %d: error %v", name, size, err)
			}
		}
	}
}
