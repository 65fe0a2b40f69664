package erofs

import "math/bits"

// xxh32 is the 32-bit xxHash, as doc/xxhash_spec.md of xxHash defines it.
func xxh32(s string, seed uint32) uint32 {
	const p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
	word := func(i int) uint32 {
		return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
	}
	h, i := seed+p5, 0
	if len(s) >= 16 {
		acc := [4]uint32{seed, seed, seed, seed}
		acc[0] += p1
		acc[0] += p2
		acc[1] += p2
		acc[3] -= p1
		for ; len(s)-i >= 16; i += 16 {
			for lane := range acc {
				acc[lane] = bits.RotateLeft32(acc[lane]+word(i+4*lane)*p2, 13) * p1
			}
		}
		h = bits.RotateLeft32(acc[0], 1) + bits.RotateLeft32(acc[1], 7) + bits.RotateLeft32(acc[2], 12) + bits.RotateLeft32(acc[3], 18)
	}
	h += uint32(len(s))
	for ; len(s)-i >= 4; i += 4 {
		h = bits.RotateLeft32(h+word(i)*p3, 17) * p4
	}
	for ; i < len(s); i++ {
		h = bits.RotateLeft32(h+uint32(s[i])*p5, 11) * p1
	}
	h = (h ^ h>>15) * p2
	h = (h ^ h>>13) * p3
	return h ^ h>>16
}
