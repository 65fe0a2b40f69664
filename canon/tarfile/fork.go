package tarfile

import (
	"bufio"
	"bytes"
	"io"
)

// Fork returns a second reader, which goes on where t is, behind the header of an entry
// of so many bytes, but as composefs-rs reads: entries of all types have content of the
// size that they state, a global header takes the extension headers before it away, and
// a single zero block means nothing.
//
// The fork gets the bytes that t reads, and t waits until it took them: it needs a
// goroutine of its own, which calls Trailing in the end, whatever it met. It is at the
// end of its archive when the writer is closed.
func (t *Reader) Fork(size int64) (*Reader, *io.PipeWriter) {
	// An error cannot be: what is looked at is buffered.
	buffered, _ := t.r.Peek(t.r.Buffered())
	buffered = bytes.Clone(buffered)
	piped, w := io.Pipe()
	t.r = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(buffered), io.TeeReader(t.source, w)), bufferSize)
	fork := NewReader(io.MultiReader(bytes.NewReader(buffered), piped))
	fork.composefs, fork.offset = true, t.offset
	fork.content, fork.padding = size, paddingOf(size)
	return fork, w
}
