package reports

import "cfsverify/compare/raw"

// rawCauses say for each cause what it is, and what to do about it.
var rawCauses = map[raw.Cause]string{
	raw.CauseMtimes:      "files have the time at which they were built: set SOURCE_DATE_EPOCH and let the builder use it (buildah --timestamp or --source-date-epoch with --rewrite-timestamp, BuildKit rewrite-timestamp=true, tar --mtime with --clamp-mtime)",
	raw.CauseAccessTimes: "the archive has times of access and change, which every read or copy changes: leave them out (tar --pax-option=delete=atime,delete=ctime; with GNU's format no --incremental)",
	raw.CauseHeaderNames: "names of PAX headers have the number of the process: name them otherwise (tar --pax-option=exthdr.name=%d/PaxHeaders/%f)",
	raw.CauseHeaderTimes: "PAX headers have an mtime of their own: set it (tar --mtime, or --pax-option=exthdr.mtime={1970-01-01})",
	raw.CauseOwners:      "files have other owners: build as the same user, or set them (tar --owner=0 --group=0)",
	raw.CauseOwnerNames:  "names of users and groups are those of the machine that wrote the archive: leave them out (tar --numeric-owner)",
	raw.CauseModes:       "files have other modes: build with the same umask, or set them (tar --mode)",
	raw.CauseXattrs:      "xattrs differ, which file systems and security modules add: keep those that you mean (tar --xattrs-include, --no-xattrs)",
	raw.CauseOrder:       "entries stand in another order, often that in which the file system lists directories: sort them (tar --sort=name)",
	raw.CauseFormat:      "the archives are of different tar formats: choose one (tar --format=posix, gnu or ustar), and the same tool",
	raw.CauseWriter:      "the same values are written in another way, so another program or version wrote the archive: use the same one",
	raw.CauseEnd:         "the archives end differently: another program wrote them, or with another record size (tar --blocking-factor)",
	raw.CauseVolatile:    "programs write such files without being asked to, with times or random numbers in them: remove them in the build, or make them reproducible",
	raw.CauseCreated:     "the config says when the image was made: set SOURCE_DATE_EPOCH (buildah --timestamp or --source-date-epoch)",
	raw.CauseCompression: "the layers are compressed in different ways: push both with the same compression",
	raw.CauseGzipHeader:  "the gzip header has a time or a file's name: leave them out (gzip -n)",
	raw.CauseCompressor:  "another program, version or level compressed the same archive: use the same one, or compare by diffID",
}
