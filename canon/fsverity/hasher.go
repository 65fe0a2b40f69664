package fsverity

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"io"
)

// BlockSize is the size of data and Merkle tree blocks in bytes.
const BlockSize = 4096

// Hasher is an io.Writer that builds the Merkle tree of what is written to it,
// holding one block a level. Use New to make one.
type Hasher struct {
	alg    Algorithm
	size   uint64
	levels []level
}

// level 0 collects file data, level n+1 the hashes of level n's blocks.
type level struct {
	block [BlockSize]byte
	n     int
}

// New returns a Hasher of an empty file.
func New(alg Algorithm) *Hasher {
	return &Hasher{alg: alg, levels: make([]level, 1, 3)}
}

// Reset makes h the Hasher of an empty file again.
func (h *Hasher) Reset() {
	h.size = 0
	h.levels = h.levels[:1]
	h.levels[0].n = 0
}

// Write adds p to the file. It never fails.
func (h *Hasher) Write(p []byte) (int, error) {
	h.size += uint64(len(p))
	h.add(0, p)
	return len(p), nil
}

// WriteZeros adds n zero bytes to the file. It hashes as many blocks as the
// Merkle tree has levels, however many bytes there are.
func (h *Hasher) WriteZeros(n uint64) {
	h.size += n
	h.addRun(0, []byte{0}, n)
}

// addRun appends unit count times to level i. All whole blocks of it are the
// same block, so the level above gets a run as well. As in add, the last block
// waits for more.
func (h *Hasher) addRun(i int, unit []byte, count uint64) {
	perBlock := uint64(BlockSize / len(unit))
	block := bytes.Repeat(unit, int(perBlock))
	room := perBlock - uint64(h.levels[i].n/len(unit))
	first := min(count, room)
	h.add(i, block[:int(first)*len(unit)])
	count -= first
	if count > perBlock {
		blocks := (count - 1) / perBlock
		h.flush(i, h.levels[i].block[:])
		var sum [64]byte
		h.addRun(i+1, h.hash(block, &sum), blocks)
		count -= blocks * perBlock
	}
	h.add(i, block[:int(count)*len(unit)])
}

// Size is the number of bytes written so far.
func (h *Hasher) Size() uint64 { return h.size }

// add appends p to level i. A full block is hashed only when more data comes
// for its level, since the last block of a level is never followed by another.
func (h *Hasher) add(i int, p []byte) {
	for len(p) > 0 {
		if h.levels[i].n == BlockSize {
			h.flush(i, h.levels[i].block[:])
		}
		// More than one block is at hand: hash it where it lies.
		if h.levels[i].n == 0 && len(p) > BlockSize {
			h.flush(i, p[:BlockSize])
			p = p[BlockSize:]
			continue
		}
		l := &h.levels[i]
		c := copy(l.block[l.n:], p)
		l.n += c
		p = p[c:]
	}
}

// flush hashes one whole block of level i into level i+1.
func (h *Hasher) flush(i int, block []byte) {
	h.levels[i].n = 0
	if i+1 == len(h.levels) {
		h.levels = append(h.levels, level{})
	}
	var sum [64]byte
	h.add(i+1, h.hash(block, &sum))
}

func (h *Hasher) hash(block []byte, sum *[64]byte) []byte {
	if h.alg == SHA512 {
		*sum = sha512.Sum512(block)
		return sum[:]
	}
	s := sha256.Sum256(block)
	return append(sum[:0], s[:]...)
}

func (h *Hasher) appendHash(b, block []byte) []byte {
	var sum [64]byte
	return append(b, h.hash(block, &sum)...)
}

// Digest is the fs-verity digest of what was written. It ends the file: call
// Reset before the next Write.
func (h *Hasher) Digest() Digest {
	// The root hash of an empty file is zeros.
	if h.size == 0 {
		return h.digest(nil)
	}
	return h.digest(h.rootHash(0))
}

// digest is the digest by the root hash of the Merkle tree.
func (h *Hasher) digest(root []byte) Digest {
	// struct fsverity_descriptor in include/uapi/linux/fsverity.h; the salt and
	// what is reserved stay zero.
	var descriptor [256]byte
	descriptor[0] = 1
	descriptor[1] = byte(h.alg)
	descriptor[2] = 12
	binary.LittleEndian.PutUint64(descriptor[8:], h.size)
	copy(descriptor[16:80], root)
	var sum [64]byte
	return Digest{string(h.hash(descriptor[:], &sum))}
}

// rootHash hashes what is left of a level and those above it.
func (h *Hasher) rootHash(i int) []byte {
	for ; ; i++ {
		l := &h.levels[i]
		clear(l.block[l.n:])
		if i+1 == len(h.levels) {
			var sum [64]byte
			return h.hash(l.block[:], &sum)
		}
		h.flush(i, l.block[:])
	}
}

// Sum reads r to its end and returns the digest of what it read.
func Sum(alg Algorithm, r io.Reader) (Digest, error) {
	h := New(alg)
	if _, err := io.Copy(h, r); err != nil {
		return Digest{}, err
	}
	return h.Digest(), nil
}

// SumBytes returns the digest of a file that holds p.
func SumBytes(alg Algorithm, p []byte) Digest {
	h := New(alg)
	h.Write(p)
	return h.Digest()
}
