package tarfile

import "slices"

// Rule is the stable name of a rule that layers can depart from: how a canonical
// tar is written, or what all tools read alike.
type Rule string

// Severity is what a departure leads to.
type Severity string

const (
	// Equality: tools make different trees of the layer, or refuse it.
	Equality Severity = "equality"
	// Reproducibility: the same tree is written in other bytes, so the diffID is
	// another.
	Reproducibility Severity = "reproducibility"
	// Style: harmless by itself, but often a cause of the others.
	Style Severity = "style"
)

// Severities lists them, the worst first.
func Severities() []Severity { return []Severity{Equality, Reproducibility, Style} }

// AtLeast says that a severity is that of other, or worse.
func (s Severity) AtLeast(other Severity) bool {
	return slices.Index(Severities(), s) <= slices.Index(Severities(), other)
}

// Rules about which entries there are, and in which order.
const (
	// RefusedEntry: an entry whose meaning is not certain.
	RefusedEntry Rule = "refused-entry"
	// MissingParent: a layer has no entry for a directory that it puts something
	// into.
	MissingParent Rule = "missing-parent"
	// ParentOrder: a directory that no lower layer has comes after what is in it.
	ParentOrder Rule = "parent-order"
	// ThroughLower: an entry below what is no directory in a lower layer.
	ThroughLower Rule = "path-through-symlink"
	// DuplicateEntry: a path that the layer named before, or needed as a directory.
	DuplicateEntry Rule = "duplicate-entry"
	// WhiteoutOrder: a whiteout, and entries for what it hides in its own layer.
	WhiteoutOrder Rule = "whiteout-order"
	// WhiteoutOfNothing: a whiteout of what no lower layer has.
	WhiteoutOfNothing Rule = "whiteout-of-nothing"
	// OpaqueOrder: an opaque marker behind entries of its directory.
	OpaqueOrder Rule = "opaque-order"
	// OpaqueRoot: an opaque marker for the root directory.
	OpaqueRoot Rule = "opaque-root"
	// HardlinkTargetOrder: a hardlink before its target.
	HardlinkTargetOrder Rule = "hardlink-target-order"
	// HardlinkToLower: a hardlink to an inode of a lower layer.
	HardlinkToLower Rule = "hardlink-to-lower"
	// HardlinkHeader: a hardlink's header has other metadata than its target's.
	HardlinkHeader Rule = "hardlink-header"
	// WhiteoutDevice: a character device 0:0.
	WhiteoutDevice Rule = "whiteout-device"
	// GlobalHeader: a global PAX header, other than the one that marks the archive
	// as canonical.
	GlobalHeader Rule = "global-header"
	// EndOfArchive: fewer than two zero blocks at the end.
	EndOfArchive Rule = "end-of-archive"
	// MissingRoot: no entry for the root directory.
	MissingRoot Rule = "missing-root"
	// EntryOrder: an entry that a canonical tar has before the one in front of it.
	EntryOrder Rule = "entry-order"
	// HardlinkTarget: a hardlink whose target is not the first of the inode's
	// names.
	HardlinkTarget Rule = "hardlink-target"
	// MarkerForm: a marker that is no empty file of 0:0 with mode 0644 and mtime 0.
	MarkerForm Rule = "marker-form"
	// AUFSName: bookkeeping of AUFS.
	AUFSName Rule = "aufs-name"
	// TrailingData: bytes after the two zero blocks.
	TrailingData Rule = "trailing-data"
	// OpaqueMarker: an opaque marker.
	OpaqueMarker Rule = "opaque-marker"
	// CanonicalMark: the global header that marks a canonical tar is missing, or
	// has the key of an older draft.
	CanonicalMark Rule = "canonical-mark"
)

// Rules about metadata that tools keep differently.
const (
	// SubsecondMtime: an mtime with a fraction of a second.
	SubsecondMtime Rule = "subsecond-mtime"
	// MtimeRange: an mtime before 1970, or after what engines can hold.
	MtimeRange Rule = "mtime-range"
	// OwnerRange: an owner that does not fit in 32 bits, or is -1, which chown takes
	// for "no change".
	OwnerRange Rule = "owner-range"
	// SymlinkMode: a symlink's mode that is not 0777.
	SymlinkMode Rule = "symlink-mode"
	// XattrEncoding: xattrs or ACLs in PAX records that not all tools read.
	XattrEncoding Rule = "xattr-encoding"
	// XattrEmpty: an xattr with an empty value.
	XattrEmpty Rule = "xattr-empty"
	// XattrUnsettable: an xattr that Linux refuses on such a file.
	XattrUnsettable Rule = "xattr-unsettable"
	// XattrHost: an xattr that belongs to the host, not to the image.
	XattrHost Rule = "xattr-host"
	// XattrSize: more xattrs than ext4 has room for.
	XattrSize Rule = "xattr-size"
	// ACL: a POSIX access control list.
	ACL Rule = "acl"
	// CapabilityVersion: a file capability that the kernel stores in another form.
	CapabilityVersion Rule = "capability-version"
	// SizeOfNothing: a size on an entry that has no content.
	SizeOfNothing Rule = "size-without-content"
	// ContiguousFile: the type '7'.
	ContiguousFile Rule = "contiguous-file"
	// TrailingSlash: a file of the old type NUL whose name ends in a slash.
	TrailingSlash Rule = "trailing-slash"
	// PAXKey: the key of a PAX record is not UTF-8.
	PAXKey Rule = "pax-key"
	// NameEncoding: a name that is not UTF-8.
	NameEncoding Rule = "name-encoding"
)

// Rules about how headers are written.
const (
	TarFormat    Rule = "tar-format"    // not ustar
	GNUExtension Rule = "gnu-extension" // a GNU long name or target
	PrefixField  Rule = "prefix-field"  // ustar's prefix
	PathForm     Rule = "path-form"     // a path or hardlink target that is not ./PATH
	TypeFlag     Rule = "type-flag"     // NUL for a file
	ModeBits     Rule = "mode-bits"     // mode bits beyond 07777
	OwnerName    Rule = "owner-name"    // names of users and groups
	DeviceField  Rule = "device-field"  // device numbers of what is no device
	LinkField    Rule = "link-field"    // a link target of what is no link
	NumberForm   Rule = "number-form"   // numbers that are not zero-padded octal, ended by NUL
	NeedlessPAX  Rule = "needless-pax"  // PAX records that say nothing more
	PAXForm      Rule = "pax-form"      // PAX records in another order or form
	PAXHeader    Rule = "pax-header"    // the header of a PAX header
	Padding      Rule = "padding"       // padding that is not zero
	UnusedBytes  Rule = "unused-bytes"  // bytes that no field uses
	HeaderBytes  Rule = "header-bytes"  // anything else
)

// rules has for each rule its severity, and whether a canonical tar may have it.
var rules = []struct {
	rule      Rule
	severity  Severity
	canonical bool
}{
	{RefusedEntry, Equality, false}, {MissingParent, Equality, false}, {ParentOrder, Equality, false}, {ThroughLower, Equality, false},
	{DuplicateEntry, Equality, false}, {WhiteoutOrder, Equality, true}, {WhiteoutOfNothing, Equality, true}, {OpaqueOrder, Equality, true},
	{OpaqueRoot, Equality, true}, {HardlinkTargetOrder, Equality, false}, {HardlinkToLower, Equality, false}, {HardlinkHeader, Equality, false},
	{WhiteoutDevice, Equality, true}, {GlobalHeader, Equality, false}, {EndOfArchive, Equality, false}, {SubsecondMtime, Equality, true},
	{MtimeRange, Equality, true}, {OwnerRange, Equality, true}, {SymlinkMode, Equality, true}, {XattrEncoding, Equality, false},
	{XattrEmpty, Equality, true}, {XattrUnsettable, Equality, true}, {XattrHost, Equality, true}, {CapabilityVersion, Equality, true},
	{XattrSize, Equality, true}, {ACL, Equality, true},
	{SizeOfNothing, Equality, false}, {ContiguousFile, Equality, false}, {TrailingSlash, Equality, false}, {PAXKey, Equality, false},

	{OpaqueMarker, Reproducibility, true}, {MissingRoot, Reproducibility, false}, {EntryOrder, Reproducibility, false}, {HardlinkTarget, Reproducibility, false},
	{MarkerForm, Reproducibility, false}, {AUFSName, Reproducibility, false}, {TrailingData, Reproducibility, false},
	{TarFormat, Reproducibility, false}, {GNUExtension, Reproducibility, false}, {PrefixField, Reproducibility, false},
	{PathForm, Reproducibility, false}, {TypeFlag, Reproducibility, false}, {ModeBits, Reproducibility, false},
	{OwnerName, Reproducibility, false}, {DeviceField, Reproducibility, false}, {LinkField, Reproducibility, false},
	{NumberForm, Reproducibility, false}, {NeedlessPAX, Reproducibility, false}, {PAXForm, Reproducibility, false},
	{PAXHeader, Reproducibility, false}, {Padding, Reproducibility, false}, {UnusedBytes, Reproducibility, false},
	{HeaderBytes, Reproducibility, false},

	{NameEncoding, Style, true}, {CanonicalMark, Style, true},
}

// Rules lists all, the most severe first.
func Rules() []Rule {
	list := make([]Rule, 0, len(rules))
	for _, r := range rules {
		list = append(list, r.rule)
	}
	return list
}

// Severity is what a departure from the rule leads to, empty if there is no such
// rule.
func (r Rule) Severity() Severity {
	for _, known := range rules {
		if known.rule == r {
			return known.severity
		}
	}
	return ""
}

// InCanonical says that a canonical tar may depart from the rule too, as it is
// about what the tree is and not about how it is written.
func (r Rule) InCanonical() bool {
	for _, known := range rules {
		if known.rule == r {
			return known.canonical
		}
	}
	return false
}
