package fsverity

import (
	"bytes"
	"testing"
)

// digestByBlocks writes content whose first blocks are damaged, in pieces of some size,
// and asks for the digest with the right ones.
func digestByBlocks(alg Algorithm, content []byte, blocks, piece int) Digest {
	written := bytes.Clone(content)
	head := content[:min(blocks, len(content)/BlockSize)*BlockSize]
	for i := range head {
		written[i] ^= 0xff
	}
	b := NewBlocks(alg)
	for len(written) > 0 {
		n := min(piece, len(written))
		b.Write(written[:n])
		written = written[n:]
	}
	// To ask does not end the file.
	b.Digest(nil)
	return b.Digest(head)
}

// TestBlocks: the digest is that of the file which has the head, wherever it ends, at
// the sizes around which Merkle trees get more blocks and levels. TestAgainstTool holds
// what SumBytes gives against fsverity-utils.
func TestBlocks(t *testing.T) {
	for _, alg := range []Algorithm{SHA256, SHA512} {
		perBlock := BlockSize / alg.Size()
		for _, blocks := range []int{0, 1, 2, perBlock, perBlock + 1, 2 * perBlock, perBlock * perBlock} {
			for _, more := range []int{-1, 0, 1, 100} {
				size := blocks*BlockSize + more
				if size < 0 {
					continue
				}
				content := pattern(size)
				want := SumBytes(alg, content)
				for _, head := range []int{0, 1, 2, perBlock + 1} {
					for _, piece := range []int{100, 3 * BlockSize} {
						if got := digestByBlocks(alg, content, head, piece); got != want {
							t.Errorf("%v, %d bytes, %d blocks of them given again, written by %d: %v, want %v", alg, size, head, piece, got, want)
						}
					}
				}
			}
		}
	}
}
