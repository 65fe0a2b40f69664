package erofs

import "testing"

// The hashes are those that xxhsum of xxHash prints, or its self-test has.
func TestXXH32(t *testing.T) {
	for _, tt := range []struct {
		s    string
		seed uint32
		want uint32
	}{
		{"", 0, 0x02cc5d05},
		{"", 0x9e3779b1, 0x36b78ae7},
		{"a", 0, 0x550d7456},
		{"abc", 0, 0x32d153ff},
		{"abcdefghijklmnopqrstuvwxyz", 0, 0x63a14d5f},
		{"Nobody inspects the spammish repetition", 0, 0xe2293b2f},
	} {
		if got := xxh32(tt.s, tt.seed); got != tt.want {
			t.Errorf("%q with seed %#x: %#08x, want %#08x", tt.s, tt.seed, got, tt.want)
		}
	}
}
