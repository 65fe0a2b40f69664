package blob

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"cfsverify/testdata/blobs"
)

// TestReadAhead: what is read, and the error, do not depend on how the reader
// hands them out.
func TestReadAhead(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	fire := errors.New("disk on fire")
	for _, size := range []int{0, 1, readAheadBlockSize - 1, readAheadBlockSize, readAheadBlockSize + 1, 9*readAheadBlockSize + 5} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole":           func(r io.Reader) io.Reader { return r },
			"half":            iotest.HalfReader,
			"data with error": iotest.DataErrReader,
		} {
			for _, want := range []error{io.EOF, io.ErrUnexpectedEOF, fire} {
				a := newReadAhead(wrap(io.MultiReader(bytes.NewReader(data), iotest.ErrReader(want))))
				got, err := io.ReadAll(a)
				if want == io.EOF {
					want = nil
				}
				if !bytes.Equal(got, data) || err != want {
					t.Errorf("%d bytes, %s: %d bytes, error %v, want %v", size, name, len(got), err, want)
				}
				if _, again := a.Read(make([]byte, 1)); again == nil || err != nil && again != err {
					t.Errorf("%d bytes, %s: the next error is %v", size, name, again)
				}
				a.close()
			}
		}
	}
}

// TestReadAheadClosed: a reader of which not all is wanted is not read to its
// end.
func TestReadAheadClosed(t *testing.T) {
	read := 0
	a := newReadAhead(blobs.ReaderFunc(func(p []byte) (int, error) {
		read += len(p)
		return len(p), nil
	}))
	if _, err := io.ReadFull(a, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	a.close()
	if read > (readAheadBlocks+1)*readAheadBlockSize {
		t.Errorf("%d bytes were read", read)
	}
}
