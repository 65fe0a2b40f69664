package raw

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"cfsverify/canon/tarfile"
	"cfsverify/compare"
)

// Cause is a likely cause of two builds' bytes not being the same.
type Cause string

const (
	CauseMtimes      Cause = "mtimes"
	CauseAccessTimes Cause = "access-times"
	CauseHeaderNames Cause = "pax-header-names"
	CauseHeaderTimes Cause = "pax-header-times"
	CauseOwners      Cause = "owners"
	CauseOwnerNames  Cause = "owner-names"
	CauseModes       Cause = "modes"
	CauseXattrs      Cause = "xattrs"
	CauseOrder       Cause = "order"
	CauseFormat      Cause = "tar-format"
	CauseWriter      Cause = "tar-writer"
	CauseEnd         Cause = "archive-end"
	CauseVolatile    Cause = "volatile-content"
	CauseCreated     Cause = "created"
	CauseCompression Cause = "compression"
	CauseGzipHeader  Cause = "gzip-header"
	CauseCompressor  Cause = "compressor"
)

// Causes lists all of them.
func Causes() []Cause {
	return []Cause{
		CauseMtimes, CauseAccessTimes, CauseHeaderNames, CauseHeaderTimes, CauseOwners, CauseOwnerNames, CauseModes, CauseXattrs, CauseOrder,
		CauseFormat, CauseWriter, CauseEnd, CauseVolatile, CauseCreated, CauseCompression, CauseGzipHeader, CauseCompressor,
	}
}

// Causes finds the likely causes, those of first differences first.
func (i *Images) Causes() []Cause {
	var causes []Cause
	add := func(c Cause) {
		if c != "" && !slices.Contains(causes, c) {
			causes = append(causes, c)
		}
	}
	for _, l := range i.Layers {
		if l.Archive == nil {
			continue
		}
		if f := l.Archive.First; f.Place == Order {
			add(CauseOrder)
		} else if f.Place == InEntry && len(f.Changes) > 0 {
			add(causeOfPart(f.Changes[0], f.Paths[:]))
		}
	}
	for _, l := range i.Layers {
		if l.Archive != nil {
			for _, c := range l.Archive.Counts {
				add(causeOfPart(c.First, c.Paths.First))
			}
			if l.Archive.Moved.Number > 0 {
				add(CauseOrder)
			}
		}
	}
	if slices.Contains(causes, CauseFormat) {
		// Formats write numbers in different ways.
		causes = slices.DeleteFunc(causes, func(c Cause) bool { return c == CauseWriter })
	}
	for _, l := range i.Layers {
		// Archives of other sizes are filled up differently.
		if l.Archive != nil && l.Archive.First.Place == AtEnd {
			add(CauseEnd)
		}
	}
	if i.Config != nil && slices.ContainsFunc(i.Config.Changes, isCreated) {
		add(CauseCreated)
	}
	for _, l := range i.Layers {
		if l.Stored != nil {
			add(causeOfStored(l))
		}
	}
	return causes
}

func isCreated(c DocumentChange) bool {
	return c.Path == "created" || strings.HasPrefix(c.Path, "history[") && strings.HasSuffix(c.Path, "].created")
}

// causeOfStored is empty if the blobs differ because the archives do.
func causeOfStored(l *Layer) Cause {
	a, b := l.Stored.A, l.Stored.B
	switch {
	case a.Compression != b.Compression:
		return CauseCompression
	case a.Gzip != nil && (a.Gzip.Mtime != b.Gzip.Mtime || a.Gzip.Name != b.Gzip.Name || a.Gzip.Comment != b.Gzip.Comment || a.Gzip.Extra != b.Gzip.Extra):
		return CauseGzipHeader
	case l.Archive == nil:
		return CauseCompressor
	}
	return ""
}

// causeOfPart is empty for what says nothing of its cause.
func causeOfPart(c tarfile.Change, paths []string) Cause {
	switch c.Part {
	case tarfile.PartContent:
		if slices.ContainsFunc(paths, func(p string) bool { return compare.IsVolatile(path.Join("/", p)) }) {
			return CauseVolatile
		}
		return ""
	case tarfile.PartRecord:
		return causeOfRecord(c.Key)
	case tarfile.PartExtension:
		return causeOfExtension(c)
	case tarfile.PartRecordOrder, tarfile.PartRecordForm, tarfile.PartExtensionOrder, tarfile.PartPadding, "checksum", "unused", "gnu":
		return CauseWriter
	case "magic", "version":
		return CauseFormat
	}
	switch {
	case c.Same():
		return CauseWriter
	case c.Extension != 0 && c.Part == "name" && sameButNumbers(c.A.Text, c.B.Text):
		return CauseHeaderNames
	case c.Extension != 0 && c.Part == "mtime":
		return CauseHeaderTimes
	case c.Extension != 0:
		return CauseWriter
	}
	return map[string]Cause{
		"mtime": CauseMtimes, "atime": CauseAccessTimes, "ctime": CauseAccessTimes, "uid": CauseOwners, "gid": CauseOwners,
		"uname": CauseOwnerNames, "gname": CauseOwnerNames, "mode": CauseModes, "prefix": CauseFormat,
	}[c.Part]
}

func sameButNumbers(a, b string) bool {
	digits := regexp.MustCompile(`[0-9]+`)
	return digits.ReplaceAllString(a, "0") == digits.ReplaceAllString(b, "0")
}

func causeOfRecord(key string) Cause {
	switch key {
	case "mtime":
		return CauseMtimes
	case "atime", "ctime":
		return CauseAccessTimes
	case "uid", "gid":
		return CauseOwners
	case "uname", "gname":
		return CauseOwnerNames
	case "path", "linkpath", "size":
		return CauseFormat
	}
	if strings.HasPrefix(key, tarfile.XattrPrefix) || tarfile.IsForeignXattr(key) {
		return CauseXattrs
	}
	return ""
}

// causeOfExtension is for an extension header that one side does not have.
func causeOfExtension(c tarfile.Change) Cause {
	if c.Extension != 'x' {
		return CauseFormat
	}
	// One with nothing but an mtime is there for its fraction.
	for _, key := range tarfile.Keys(c.A.Text + c.B.Text) {
		if cause := causeOfRecord(key); cause == CauseAccessTimes || cause == CauseXattrs {
			return cause
		}
	}
	return CauseFormat
}
