package canon

import "testing"

func TestRdev(t *testing.T) {
	// Values of the kernel's macros, worked out by hand.
	for _, tt := range []struct {
		major, minor int64
		want         uint32
	}{
		{0, 0, 0}, {1, 3, 0x103}, {8, 1, 0x801}, {0xfff, 0xfffff, 0xffffffff}, {0x103, 0x101, 0x110301}, {0, 0x100, 0x100000}, {3, 65536, 0x10000300},
	} {
		got, err := EncodeRdev(tt.major, tt.minor)
		if err != nil || got != tt.want {
			t.Errorf("%d:%d: %#x, %v, want %#x", tt.major, tt.minor, got, err, tt.want)
		}
		if major, minor := (&Node{Rdev: tt.want}).Device(); int64(major) != tt.major || int64(minor) != tt.minor {
			t.Errorf("%#x: %d:%d, want %d:%d", tt.want, major, minor, tt.major, tt.minor)
		}
	}
	for _, tt := range [][2]int64{{4096, 0}, {0, 1 << 20}, {-1, 0}, {0, -1}, {1 << 31, 1}} {
		if got, err := EncodeRdev(tt[0], tt[1]); err == nil {
			t.Errorf("%v: %#x, want an error", tt, got)
		}
	}
}
