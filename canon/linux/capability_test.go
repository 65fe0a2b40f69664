package linux

import (
	"strings"
	"testing"
)

// TestParseCapability: sizes and versions have to fit each other, and what the
// kernel keeps is of version 2 for the root user.
func TestParseCapability(t *testing.T) {
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	v2 := "\x01\x00\x00\x02" + "\x00\x04" + zeros(14)
	for value, want := range map[string]string{
		v2: v2, "\x01\x00\x00\x03" + v2[4:] + zeros(4): v2, "\x01\x00\x00\x03" + v2[4:] + "\xe8\x03\x00\x00": "\x01\x00\x00\x03" + v2[4:] + "\xe8\x03\x00\x00",
		"\x01\x00\x00\x02" + zeros(20): "", "\x01\x00\x00\x03" + zeros(16): "", "\x01\x00\x00\x01" + zeros(8): "", "\x01\x00\x00\x01" + zeros(16): "", "": "", "x": "",
	} {
		c, err := ParseCapability(value)
		switch {
		case want == "":
			if err == nil {
				t.Errorf("%q is taken for %+v", value, c)
			}
		case err != nil || c.Kept() != want:
			t.Errorf("%q is kept as %q, %v, want %q", value, c.Kept(), err, want)
		case c.Sets != "\x01\x00\x00"+v2[4:]:
			t.Errorf("%q has the sets %q", value, c.Sets)
		}
	}
}
