package reports

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"cfsverify/canon/tarfile"
	"cfsverify/compare"
	"cfsverify/compare/raw"
)

// RawCause is a likely cause of two builds' bytes not being the same.
type RawCause string

const (
	RawMtimes      RawCause = "mtimes"
	RawAccessTimes RawCause = "access-times"
	RawHeaderNames RawCause = "pax-header-names"
	RawHeaderTimes RawCause = "pax-header-times"
	RawOwners      RawCause = "owners"
	RawOwnerNames  RawCause = "owner-names"
	RawModes       RawCause = "modes"
	RawXattrs      RawCause = "xattrs"
	RawOrder       RawCause = "order"
	RawFormat      RawCause = "tar-format"
	RawWriter      RawCause = "tar-writer"
	RawEnd         RawCause = "archive-end"
	RawVolatile    RawCause = "volatile-content"
	RawCreated     RawCause = "created"
	RawCompression RawCause = "compression"
	RawGzipHeader  RawCause = "gzip-header"
	RawCompressor  RawCause = "compressor"
)

// RawCauses lists all of them.
func RawCauses() []RawCause {
	return []RawCause{
		RawMtimes, RawAccessTimes, RawHeaderNames, RawHeaderTimes, RawOwners, RawOwnerNames, RawModes, RawXattrs, RawOrder,
		RawFormat, RawWriter, RawEnd, RawVolatile, RawCreated, RawCompression, RawGzipHeader, RawCompressor,
	}
}

// Text says what the cause is, and what to do about it.
func (c RawCause) Text() string {
	switch c {
	case RawMtimes:
		return "files have the time at which they were built: set SOURCE_DATE_EPOCH and let the builder use it (buildah --timestamp or --source-date-epoch with --rewrite-timestamp, BuildKit rewrite-timestamp=true, tar --mtime with --clamp-mtime)"
	case RawAccessTimes:
		return "the archive has times of access and change, which every read or copy changes: leave them out (tar --pax-option=delete=atime,delete=ctime; with GNU's format no --incremental)"
	case RawHeaderNames:
		return "names of PAX headers have the number of the process: name them otherwise (tar --pax-option=exthdr.name=%d/PaxHeaders/%f)"
	case RawHeaderTimes:
		return "PAX headers have an mtime of their own: set it (tar --mtime, or --pax-option=exthdr.mtime={1970-01-01})"
	case RawOwners:
		return "files have other owners: build as the same user, or set them (tar --owner=0 --group=0)"
	case RawOwnerNames:
		return "names of users and groups are those of the machine that wrote the archive: leave them out (tar --numeric-owner)"
	case RawModes:
		return "files have other modes: build with the same umask, or set them (tar --mode)"
	case RawXattrs:
		return "xattrs differ, which file systems and security modules add: keep those that you mean (tar --xattrs-include, --no-xattrs)"
	case RawOrder:
		return "entries stand in another order, often that in which the file system lists directories: sort them (tar --sort=name)"
	case RawFormat:
		return "the archives are of different tar formats: choose one (tar --format=posix, gnu or ustar), and the same tool"
	case RawWriter:
		return "the same values are written in another way, so another program or version wrote the archive: use the same one"
	case RawEnd:
		return "the archives end differently: another program wrote them, or with another record size (tar --blocking-factor)"
	case RawVolatile:
		return "programs write such files without being asked to, with times or random numbers in them: remove them in the build, or make them reproducible"
	case RawCreated:
		return "the config says when the image was made: set SOURCE_DATE_EPOCH (buildah --timestamp or --source-date-epoch)"
	case RawCompression:
		return "the layers are compressed in different ways: push both with the same compression"
	case RawGzipHeader:
		return "the gzip header has a time or a file's name: leave them out (gzip -n)"
	case RawCompressor:
		return "another program, version or level compressed the same archive: use the same one, or compare by diffID"
	}
	return ""
}

// rawCausesOf finds the likely causes, those of first differences first.
func rawCausesOf(i *raw.Images) []RawCause {
	var causes []RawCause
	add := func(c RawCause) {
		if c != "" && !slices.Contains(causes, c) {
			causes = append(causes, c)
		}
	}
	for _, l := range i.Layers {
		if l.Archive == nil {
			continue
		}
		if f := l.Archive.First; f.Place == raw.Order {
			add(RawOrder)
		} else if f.Place == raw.InEntry && len(f.Changes) > 0 {
			add(causeOfPart(f.Changes[0], f.Paths[:]))
		}
	}
	for _, l := range i.Layers {
		if l.Archive != nil {
			for _, c := range l.Archive.Counts {
				add(causeOfPart(c.First, c.Paths.First))
			}
			if l.Archive.Moved.Number > 0 {
				add(RawOrder)
			}
		}
	}
	if slices.Contains(causes, RawFormat) {
		// Formats write numbers in different ways.
		causes = slices.DeleteFunc(causes, func(c RawCause) bool { return c == RawWriter })
	}
	for _, l := range i.Layers {
		// Archives of other sizes are filled up differently.
		if l.Archive != nil && l.Archive.First.Place == raw.AtEnd {
			add(RawEnd)
		}
	}
	if i.Config != nil && slices.ContainsFunc(i.Config.Changes, isCreated) {
		add(RawCreated)
	}
	for _, l := range i.Layers {
		if l.Stored != nil {
			add(causeOfStored(l))
		}
	}
	return causes
}

func isCreated(c raw.DocumentChange) bool {
	return c.Path == "created" || strings.HasPrefix(c.Path, "history[") && strings.HasSuffix(c.Path, "].created")
}

// causeOfStored is empty if the blobs differ because the archives do.
func causeOfStored(l *raw.Layer) RawCause {
	a, b := l.Stored.A, l.Stored.B
	switch {
	case a.Compression != b.Compression:
		return RawCompression
	case a.Gzip != nil && (a.Gzip.Mtime != b.Gzip.Mtime || a.Gzip.Name != b.Gzip.Name || a.Gzip.Comment != b.Gzip.Comment || a.Gzip.Extra != b.Gzip.Extra):
		return RawGzipHeader
	case l.Archive == nil:
		return RawCompressor
	}
	return ""
}

// causeOfPart is empty for what says nothing of its cause.
func causeOfPart(c tarfile.Change, paths []string) RawCause {
	switch c.Part {
	case tarfile.PartContent:
		if slices.ContainsFunc(paths, func(p string) bool { return compare.IsVolatile(path.Join("/", p)) }) {
			return RawVolatile
		}
		return ""
	case tarfile.PartRecord:
		return causeOfRecord(c.Key)
	case tarfile.PartExtension:
		return causeOfExtension(c)
	case tarfile.PartRecordOrder, tarfile.PartRecordForm, tarfile.PartExtensionOrder, tarfile.PartPadding, "checksum", "unused", "gnu":
		return RawWriter
	case "magic", "version":
		return RawFormat
	}
	switch {
	case c.Same():
		return RawWriter
	case c.Extension != 0 && c.Part == "name" && sameButNumbers(c.A.Text, c.B.Text):
		return RawHeaderNames
	case c.Extension != 0 && c.Part == "mtime":
		return RawHeaderTimes
	case c.Extension != 0:
		return RawWriter
	}
	return map[string]RawCause{
		"mtime": RawMtimes, "atime": RawAccessTimes, "ctime": RawAccessTimes, "uid": RawOwners, "gid": RawOwners,
		"uname": RawOwnerNames, "gname": RawOwnerNames, "mode": RawModes, "prefix": RawFormat,
	}[c.Part]
}

func sameButNumbers(a, b string) bool {
	digits := regexp.MustCompile(`[0-9]+`)
	return digits.ReplaceAllString(a, "0") == digits.ReplaceAllString(b, "0")
}

func causeOfRecord(key string) RawCause {
	switch key {
	case "mtime":
		return RawMtimes
	case "atime", "ctime":
		return RawAccessTimes
	case "uid", "gid":
		return RawOwners
	case "uname", "gname":
		return RawOwnerNames
	case "path", "linkpath", "size":
		return RawFormat
	}
	if strings.HasPrefix(key, tarfile.XattrPrefix) || tarfile.IsForeignXattr(key) {
		return RawXattrs
	}
	return ""
}

// causeOfExtension is for an extension header that one side does not have.
func causeOfExtension(c tarfile.Change) RawCause {
	if c.Extension != 'x' {
		return RawFormat
	}
	// One with nothing but an mtime is there for its fraction.
	for _, key := range tarfile.Keys(c.A.Text + c.B.Text) {
		if cause := causeOfRecord(key); cause == RawAccessTimes || cause == RawXattrs {
			return cause
		}
	}
	return RawFormat
}
