package tarfile

import (
	"math"
	"strconv"
	"unicode/utf8"

	"cfsverify/canon"
)

// metadata looks for metadata that engines cannot set, or keep in another form.
func (l *linter) metadata() {
	h := l.raw.Header
	if h.Mtime.Nsec != 0 {
		l.add(SubsecondMtime, "%s", decimal(h.Mtime))
	}
	if h.Mtime.Sec < 0 || h.Mtime.Compare(canon.LastNanosecond()) > 0 {
		l.add(MtimeRange, "%s", decimal(h.Mtime))
	}
	for _, id := range []int64{h.UID, h.GID} {
		if id >= math.MaxUint32 {
			l.add(OwnerRange, "%d:%d", h.UID, h.GID)
			break
		}
	}
	if h.Typeflag == '2' && h.Mode&0o7777 != 0o777 {
		l.add(SymlinkMode, "%04o", h.Mode&0o7777)
	}
	if h.Typeflag == '3' && h.Rdev == 0 {
		l.add(WhiteoutDevice, "")
	}
	if !utf8.ValidString(l.path) {
		l.add(NameEncoding, "")
	}
	xattrs := Xattrs(h.PAX)
	for _, x := range xattrs {
		l.xattr(x)
	}
	l.xattrSize(xattrs)
}

func quoted(s string) string { return strconv.Quote(s) }
