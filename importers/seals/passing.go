package seals

import (
	"fmt"
	"io"
)

// headersMax is up to which size in bytes the beginning of a file is held that goes by: PE
// headers and section tables, and in real files all that readUKI reads.
const headersMax = 256 << 10

// passing is a file that goes by as it is written to, and of which is held what readUKI
// reads: its beginning, and then the command lines to which that leads.
type passing struct {
	size, at int64
	head     []byte
	parts    []part
	// isPlan: what is not held is noted in parts, and reads as zeros.
	isPlan bool
	// isFar: what was read is neither in head nor in parts.
	isFar bool
}

// part is bytes of a file, from one on.
type part struct {
	from    int64
	content []byte
}

func (p *passing) Write(b []byte) (int, error) {
	if more := min(p.size, headersMax) - int64(len(p.head)); more > 0 {
		p.head = append(p.head, b[:min(more, int64(len(b)))]...)
		if int64(len(p.head)) == min(p.size, headersMax) {
			p.plan()
		}
	}
	for _, part := range p.parts {
		part.take(p.at, b)
	}
	p.at += int64(len(b))
	return len(b), nil
}

// take copies what a part has of bytes that begin at a place of the file.
func (p part) take(at int64, b []byte) {
	from, to := max(p.from, at), min(p.from+int64(len(p.content)), at+int64(len(b)))
	if from < to {
		copy(p.content[from-p.from:], b[from-at:to-at])
	}
}

// plan notes what readUKI reads behind the head: where that is, and how much, does not
// depend on what is there.
func (p *passing) plan() {
	if _, err := readPE(p); err != nil {
		return
	}
	p.isPlan = true
	// It is read again, and then the error counts.
	_, _ = readUKI(p)
	p.isPlan = false
	for _, part := range p.parts {
		part.take(0, p.head)
	}
}

// read reads the file when all of it went by.
func (p *passing) read() (*ukiFile, error) {
	uki, err := readUKI(p)
	if p.isFar {
		return nil, fmt.Errorf("its headers are not in its first %d bytes, as those of unified kernel images are", headersMax)
	}
	return uki, err
}

// ReadAt reads as of the whole file.
func (p *passing) ReadAt(b []byte, at int64) (int, error) {
	if at >= p.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.size-at))
	var err error
	if n < len(b) {
		err = io.EOF
	}
	if at+int64(n) <= int64(len(p.head)) {
		return copy(b[:n], p.head[at:]), err
	}
	if p.isPlan {
		clear(b[:n])
		p.parts = append(p.parts, part{at, make([]byte, n)})
		return n, err
	}
	for _, part := range p.parts {
		if part.from == at && len(part.content) >= n {
			return copy(b[:n], part.content), err
		}
	}
	p.isFar = true
	return 0, io.ErrUnexpectedEOF
}
