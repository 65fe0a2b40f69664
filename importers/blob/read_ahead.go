package blob

import "io"

// A readAhead holds so many blocks of so many bytes.
const (
	readAheadBlocks    = 4
	readAheadBlockSize = 128 << 10
)

// readAhead reads in a goroutine of its own, so that the work of r goes on while
// what it gave is being used.
type readAhead struct {
	full chan readBlock
	free chan []byte
	stop chan struct{}
	now  readBlock // is being read
	rest []byte    // of it
}

// readBlock is what was read until a buffer was full or there was an error.
type readBlock struct {
	data []byte
	err  error
}

// newReadAhead begins to read. Until close has returned, r belongs to it.
func newReadAhead(r io.Reader) *readAhead {
	a := &readAhead{
		full: make(chan readBlock, readAheadBlocks),
		free: make(chan []byte, readAheadBlocks),
		stop: make(chan struct{}),
	}
	for range readAheadBlocks {
		// fill makes a buffer when it first needs one.
		a.free <- nil
	}
	go a.fill(r)
	return a
}

func (a *readAhead) fill(r io.Reader) {
	defer close(a.full)
	for {
		var b readBlock
		select {
		case b.data = <-a.free:
		case <-a.stop:
			return
		}
		if b.data == nil {
			b.data = make([]byte, readAheadBlockSize)
		}
		size := 0
		for size < len(b.data) && b.err == nil {
			var n int
			n, b.err = r.Read(b.data[size:])
			size += n
		}
		b.data = b.data[:size]
		// There is room for all buffers that there are.
		a.full <- b
		if b.err != nil {
			return
		}
	}
}

func (a *readAhead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.now.data != nil {
			a.free <- a.now.data[:cap(a.now.data)]
		}
		a.now = <-a.full
		a.rest = a.now.data
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// close ends the reading, once a Read of r that is under way has returned.
func (a *readAhead) close() {
	close(a.stop)
	for range a.full {
	}
}
