package fsverity

// Blocks gives the digests of files that differ only in their first blocks. What is
// written to it is the first of them. It holds a hash for each block. Use NewBlocks to
// make one.
type Blocks struct {
	hasher Hasher
	// sums are the hashes of the blocks of level 0.
	sums []byte
}

// NewBlocks returns Blocks of an empty file.
func NewBlocks(alg Algorithm) *Blocks {
	return &Blocks{hasher: Hasher{alg: alg, levels: make([]level, 1)}}
}

// Write adds p to the file. It never fails.
func (b *Blocks) Write(p []byte) (int, error) {
	b.hasher.size += uint64(len(p))
	n, l := len(p), &b.hasher.levels[0]
	for len(p) > 0 {
		c := copy(l.block[l.n:], p)
		l.n += c
		p = p[c:]
		if l.n == BlockSize {
			b.sums = b.hasher.appendHash(b.sums, l.block[:])
			l.n = 0
		}
	}
	return n, nil
}

// Digest is the fs-verity digest of the file that begins with head, and goes on as what
// was written does behind as many bytes: whole blocks, and no more than were written.
func (b *Blocks) Digest(head []byte) Digest {
	h := &Hasher{alg: b.hasher.alg, size: b.hasher.size, levels: make([]level, 2, 3)}
	var sums []byte
	for ; len(head) > 0; head = head[BlockSize:] {
		sums = h.appendHash(sums, head[:BlockSize])
	}
	sums = append(sums, b.sums[len(sums):]...)
	if l := &b.hasher.levels[0]; l.n > 0 {
		clear(l.block[l.n:])
		sums = h.appendHash(sums, l.block[:])
	}
	switch {
	case h.size == 0:
		return h.digest(nil)
	case h.size <= BlockSize:
		return h.digest(sums)
	}
	h.add(1, sums)
	return h.digest(h.rootHash(1))
}
