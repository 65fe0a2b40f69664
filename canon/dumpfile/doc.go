// Package dumpfile reads and writes composefs dump files: a text form of a file
// system tree, one line for each name, that "mkcomposefs --from-file" takes and
// "composefs-info dump" prints. composefs-dump(5) describes it. What is done to a tree
// between reading and writing does not belong here.
//
// Parse accepts what mkcomposefs accepts, quirks included, and makes of it the
// tree that mkcomposefs would write, save for
//
//   - hardlinks to directories and cycles of hardlinks, which are errors here;
//   - digests of the wrong length or with bad digits where the image would hold
//     them: mkcomposefs then uses whatever its memory holds;
//   - 128 hexadecimal digits, which are a sha512 digest here;
//   - lines of more than 1 MiB and paths of more than 65535 bytes, which are
//     errors here.
//
// What mkcomposefs refuses only when it lays out the image, such as a file size
// beyond what EROFS chunks can hold, is accepted here: that is for the writer.
package dumpfile

// Limits of mkcomposefs on what a line holds, in bytes.
const (
	payloadMax = 4095
	// inlineMax is LCFS_INLINE_CONTENT_MAX.
	inlineMax = 5000
	// xattrTextMax limits the text of all xattrs of a line, escapes included.
	xattrTextMax = 65535
	// xattrBudget limits what all xattrs of an inode take in an image, with
	// xattrHeader once and xattrEntry for each (LCFS_INODE_EXTERNAL_XATTR_MAX).
	xattrBudget = 32767
	xattrHeader = 12
	xattrEntry  = 7
)

// Limits that mkcomposefs does not have. A path of pathMax bytes in the worst
// escaping, given as PATH and as a hardlink's target, fits into lineMax together
// with everything else, so Parse can read all that Write writes.
const (
	pathMax = 65535
	lineMax = 1 << 20
)

// field is one of the fixed fields of a line.
type field int

const (
	fieldPath field = iota
	fieldSize
	fieldMode
	fieldNlink
	fieldUID
	fieldGID
	fieldRdev
	fieldMtime
	fieldPayload
	fieldContent
	fieldDigest
	fieldCount
)

func (f field) String() string {
	return [...]string{
		"PATH", "SIZE", "MODE", "NLINK", "UID", "GID", "RDEV", "MTIME", "PAYLOAD", "CONTENT", "DIGEST",
	}[f]
}
