package raw

import (
	"bytes"
	"io"
)

const (
	bufferSize = 64 << 10
	// shownBytes is how many bytes of both sides are kept where they differ,
	// shownBefore how many of these stand before the difference.
	shownBytes  = 32
	shownBefore = 16
)

// twins reads two archives, and compares them up to the first byte that differs.
type twins struct {
	from  [2]io.Reader
	err   [2]error
	chunk [2][]byte
	// ready has the bytes that were read and compared, but not returned yet.
	ready [2]bytes.Buffer
	at    int64 // how many bytes are the same
	// differ says that the next byte differs.
	differ bool
	shown  [2][]byte // from there on
}

func newTwins(a, b io.Reader) *twins {
	return &twins{from: [2]io.Reader{a, b}, chunk: [2][]byte{make([]byte, bufferSize), make([]byte, bufferSize)}}
}

// twin is one side of twins.
type twin struct {
	twins *twins
	side  int
}

func (t twin) Read(p []byte) (int, error) {
	ready := &t.twins.ready[t.side]
	if ready.Len() == 0 && !t.twins.differ {
		t.twins.fill()
	}
	if ready.Len() > 0 {
		return ready.Read(p)
	}
	if err := t.twins.err[t.side]; err != nil {
		return 0, err
	}
	return t.twins.from[t.side].Read(p)
}

// fill reads as many bytes of both sides, if there are as many.
func (t *twins) fill() {
	var got [2][]byte
	for i := range got {
		if t.err[i] != nil {
			continue
		}
		n, err := readFull(t.from[i], t.chunk[i])
		got[i], t.err[i] = t.chunk[i][:n], err
		t.ready[i].Write(got[i])
	}
	same := samePrefix(got[0], got[1])
	t.at += int64(same)
	if same < len(got[0]) || same < len(got[1]) {
		t.differ = true
		for i := range got {
			t.shown[i] = bytes.Clone(got[i][same:min(len(got[i]), same+shownBytes)])
		}
	}
}

// readFull fills p unless r fails or ends before. It does what io.ReadFull does, but
// returns io.ErrUnexpectedEOF only if that is r's own error.
func readFull(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = r.Read(p[n:])
		n += more
	}
	return n, err
}

// before says that the first difference lies before an offset.
func (t *twins) before(offset int64) bool { return t.differ && t.at < offset }

func samePrefix(a, b []byte) int {
	n := min(len(a), len(b))
	if bytes.Equal(a[:n], b[:n]) {
		return n
	}
	i := 0
	for a[i] == b[i] {
		i++
	}
	return i
}
