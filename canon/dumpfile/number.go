package dumpfile

import "math"

// parseUint reads a number as strtoull(3) does: white space and a sign may
// precede it, a minus sign negates modulo 2^64, and what does not fit is 2^64-1.
// It reports false if s is not a number from there to its end.
func parseUint(s []byte, base uint64) (uint64, bool) {
	for len(s) > 0 && (s[0] == ' ' || '\t' <= s[0] && s[0] <= '\r') {
		s = s[1:]
	}
	negative := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	if len(s) == 0 {
		return 0, false
	}
	v, fits := uint64(0), true
	for _, c := range s {
		digit := uint64(c) - '0'
		if digit >= base {
			return 0, false
		}
		if v > (math.MaxUint64-digit)/base {
			fits = false
		}
		v = v*base + digit
	}
	switch {
	case !fits:
		return math.MaxUint64, true
	case negative:
		return -v, true
	}
	return v, true
}
