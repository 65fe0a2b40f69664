package tarfile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cfsverify/canon"
)

// XattrPrefix begins the keys of PAX records that hold xattrs.
const XattrPrefix = "SCHILY.xattr."

// paxRecord is a record of an extended header; text is all of it as it is
// written.
type paxRecord struct{ key, value, text string }

// paxRecords reads the records of an extended header in their order (POSIX pax,
// "pax Extended Header"): "LENGTH KEY=VALUE\n", the length being that of the whole
// record.
func paxRecords(data string) ([]paxRecord, error) {
	var records []paxRecord
	for data != "" {
		digits, _, _ := strings.Cut(data, " ")
		length, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || int(length) > len(data) || int(length) < len(digits)+2 {
			return nil, errors.New("a PAX record is not valid: its length is wrong")
		}
		record, ended := strings.CutSuffix(data[len(digits)+1:length], "\n")
		key, value, found := strings.Cut(record, "=")
		if !ended || !found || key == "" {
			return nil, fmt.Errorf("the PAX record %.40q is not valid: it must be KEY=VALUE and a newline", record)
		}
		records = append(records, paxRecord{key, value, data[:length]})
		data = data[length:]
	}
	return records, nil
}

// parsePAX gives the records by key. Of two of one key the last one counts; the rest are
// the overridden ones, in their order.
func parsePAX(data string) (records map[string]string, overridden []paxRecord, err error) {
	list, err := paxRecords(data)
	if err != nil {
		return nil, nil, err
	}
	records = make(map[string]string, len(list))
	for _, r := range list {
		if strings.HasPrefix(r.key, "GNU.sparse.") {
			return nil, nil, errSparse
		}
		if value, found := records[r.key]; found {
			overridden = append(overridden, paxRecord{key: r.key, value: value})
		}
		records[r.key] = r.value
	}
	return records, overridden, nil
}

// heedOverridden tells what composefs-rs makes of records that others override: it reads
// the numbers in all of them, and takes the nanoseconds of the first mtime.
func heedOverridden(h *canon.Header, overridden []paxRecord) (quirks Quirks, nanoseconds uint32) {
	nanoseconds = h.Mtime.Nsec
	mtimes := 0
	for _, r := range overridden {
		number := r.value
		switch r.key {
		case "size", "uid", "gid":
		case "mtime":
			var fraction string
			number, fraction, _ = strings.Cut(r.value, ".")
			if mtimes++; mtimes == 1 {
				nanoseconds = paxNanoseconds(fraction)
			}
		default:
			continue
		}
		if _, err := paxNumber(number); err != nil {
			quirks |= OverriddenNumber
		}
	}
	if nanoseconds != h.Mtime.Nsec {
		quirks |= FirstNanoseconds
	}
	return quirks, nanoseconds
}

// applyPAX overrides what the header block says.
func applyPAX(h *canon.Header, records map[string]string) (Quirks, error) {
	if len(records) == 0 {
		return 0, nil
	}
	h.PAX = records
	for key, field := range map[string]*string{"path": &h.Name, "linkpath": &h.Linkname} {
		if value, ok := records[key]; ok {
			*field = value
		}
	}
	for _, f := range []struct {
		key   string
		value *int64
	}{{"size", &h.Size}, {"uid", &h.UID}, {"gid", &h.GID}} {
		text, ok := records[f.key]
		if !ok {
			continue
		}
		n, err := paxNumber(text)
		if err != nil {
			return 0, fmt.Errorf("the PAX %s %q is no decimal number of 63 bits", f.key, text)
		}
		*f.value = n
	}
	var quirks Quirks
	if text, ok := records["mtime"]; ok {
		t, err := paxTime(text)
		if err != nil {
			return 0, err
		}
		h.Mtime = t
		if strings.HasPrefix(text, "-") {
			quirks |= NegativeMtime
		}
	}
	for key := range records {
		if !utf8.ValidString(key) {
			quirks |= KeyNotUTF8
		}
	}
	return quirks, nil
}

func paxNumber(text string) (int64, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 63)
	return int64(n), err
}

// paxTime reads seconds with a fraction, of which nine digits count. A fraction
// that is no number is 0, as composefs-rs has it, but for what it cannot cut.
func paxTime(text string) (canon.Time, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	digits, negative := strings.CutPrefix(whole, "-")
	sec, err := paxNumber(digits)
	cut := len(fraction) <= fractionMax || utf8.RuneStart(fraction[fractionMax])
	if err != nil || sec > math.MaxInt64-1 || negative && strings.HasPrefix(digits, "+") || !utf8.ValidString(text) || !cut {
		return canon.Time{}, fmt.Errorf("the PAX mtime %q is no number of seconds", text)
	}
	nsec := paxNanoseconds(fraction)
	switch {
	case negative && nsec > 0:
		return canon.Time{Sec: -sec - 1, Nsec: 1e9 - nsec}, nil
	case negative:
		return canon.Time{Sec: -sec}, nil
	}
	return canon.Time{Sec: sec, Nsec: nsec}, nil
}

// fractionMax is how many bytes of a fraction count.
const fractionMax = 9

// paxNanoseconds takes a plus before the digits for one of them that is 0, as
// composefs-rs does.
func paxNanoseconds(fraction string) uint32 {
	fraction = fraction[:min(len(fraction), fractionMax)]
	n, err := strconv.ParseUint(strings.TrimPrefix(fraction, "+"), 10, 32)
	if err != nil {
		return 0
	}
	for range fractionMax - len(fraction) {
		n *= 10
	}
	return uint32(n)
}

// Xattrs gives the xattrs that an entry's PAX records hold, in a slice of its own.
func Xattrs(records map[string]string) canon.Xattrs {
	var xattrs canon.Xattrs
	for key, value := range records {
		if name, ok := strings.CutPrefix(key, XattrPrefix); ok {
			xattrs = append(xattrs, canon.Xattr{Name: name, Value: value})
		}
	}
	slices.SortFunc(xattrs, func(a, b canon.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return xattrs
}
