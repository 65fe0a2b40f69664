package tarfile

import "testing"

// TestNumbers are fields of 8 bytes as writers fill them.
func TestNumbers(t *testing.T) {
	for field, want := range map[string]int64{
		"0000644\x00": 0o644, "   644 \x00": 0o644, "000644 \x00": 0o644, "00000644": 0o644, "644\x00\x00\x00\x00\x00": 0o644,
		"644\x00junk": 0o644, "        ": 0, "\x00\x00\x00\x00\x00\x00\x00\x00": 0, "\x00       ": 0, "77777777": 1<<24 - 1,
		"\x80\x00\x00\x00\x00\x00\x01\x02": 0x102, "\xff\xff\xff\xff\xff\xff\xff\xfe": -2, "\xbf\xff\xff\xff\xff\xff\xff\xff": 1<<62 - 1,
		"\xc0\x00\x00\x00\x00\x00\x00\x00": -1 << 62,
		// Not numbers, or to be read in two ways.
		"0000648\x00": -99, "0x00644\x00": -99, "-000644\x00": -99, "+000644\x00": -99, "6 44    ": -99, "\x00000644\x00": -99, " \x00 00644": -99,
	} {
		got, err := number("mode", []byte(field))
		if err != nil {
			got = -99
		}
		if got != want {
			t.Errorf("%q: got %d (error %v), want %d", field, got, err, want)
		}
	}
	// 12 bytes hold more than 64 bits.
	for field, ok := range map[string]bool{
		"\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff": true, "\x80\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00": false,
		"\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\x00\x00": true, "\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff": false,
	} {
		if n, err := number("size", []byte(field)); (err == nil) != ok {
			t.Errorf("% x: got %d, error %v", field, n, err)
		}
	}
}
