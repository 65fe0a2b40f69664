package blame

import (
	"cfsverify/canon"
	"cfsverify/compare"
)

// Cause is the stable name of what made trees differ.
type Cause string

// The causes, in the order in which findings are told. The order in which they are
// looked for is that of the rules in explain.go. Each must be in Causes: findings of
// others are lost.
const (
	// OtherPolicy: one side was written after another policy had been applied to it.
	OtherPolicy Cause = "other-policy"
	// PathThroughSymlink: a layer has an entry below a path that is no directory in
	// a lower layer.
	PathThroughSymlink Cause = "path-through-symlink"
	// WhiteoutDevice: a layer has a device node that overlayfs takes for a whiteout.
	WhiteoutDevice Cause = "whiteout-device"
	// LateLayers: the scan saw the tree before the topmost layers.
	LateLayers Cause = "late-layers"
	// WhiteoutInScan: the scan was of one layer's own directory, with its whiteouts.
	WhiteoutInScan Cause = "whiteout-in-scan"
	// EngineFile: a mount point, or a file that an engine writes into containers.
	EngineFile Cause = "engine-file"
	// IDMapping: owners are those of a user namespace.
	IDMapping Cause = "id-mapping"
	// Derived: the policy copied it from another entry that differs, or gave labels by
	// policy files that differ.
	Derived Cause = "derived"
	// RootMetadata: most layers have no entry for the root, and engines make it up.
	RootMetadata Cause = "root-metadata"
	// BootNanoseconds: the mtimes of /boot and /sysroot after the boot transform,
	// before and since composefs-rs pull request 396.
	BootNanoseconds Cause = "boot-nanoseconds"
	// ImplicitParent: a layer has no entry for a directory that it puts something
	// into, so the engine made one.
	ImplicitParent Cause = "implicit-parent"
	// HardlinkHeader: a hardlink's own header was applied to the inode.
	HardlinkHeader Cause = "hardlink-header"
	// DuplicateEntry: a layer names a path twice.
	DuplicateEntry Cause = "duplicate-entry"
	// WhiteoutOrder and OpaqueOrder: a marker and other entries of its layer for
	// the same names.
	WhiteoutOrder Cause = "whiteout-order"
	OpaqueOrder   Cause = "opaque-order"
	// WhiteoutIgnored: a name that a marker hides is there.
	WhiteoutIgnored Cause = "whiteout-ignored"
	// ConstantMtime: one side has the same mtime everywhere.
	ConstantMtime Cause = "constant-mtime"
	// ClampedMtime: one side has no mtime after a certain one.
	ClampedMtime Cause = "clamped-mtime"
	// MtimeRange: an mtime that an engine or a file system cannot hold.
	MtimeRange Cause = "mtime-range"
	// HardlinkRelink: directories that hold hardlinks were touched when an engine
	// linked these again.
	HardlinkRelink Cause = "hardlink-relink"
	// SymlinkMetadata: modes and times of symlinks.
	SymlinkMetadata Cause = "symlink-metadata"
	// DirectoryChanged: something was put into a directory or removed from it.
	DirectoryChanged Cause = "directory-changed"
	// UnpackTimeMtime: the time of unpacking.
	UnpackTimeMtime Cause = "unpack-time-mtime"
	// RoundedMtime: a fraction that was rounded up to the next second.
	RoundedMtime Cause = "rounded-mtime"
	// SubsecondMtime: a fraction that one side does not have, or not all of it.
	SubsecondMtime Cause = "subsecond-mtime"
	// HardlinkBroken and HardlinkJoined: names that are one inode on one side only.
	HardlinkBroken Cause = "hardlink-broken"
	HardlinkJoined Cause = "hardlink-joined"
	// XattrEncoding: xattrs in a form that not every reader of archives knows.
	XattrEncoding Cause = "xattr-encoding"
	// SELinuxLabel: labels of the host's policy. In trees that were prepared for booting:
	// labels that differ although no policy file is known to.
	SELinuxLabel Cause = "selinux-label"
	// OverlayXattr: bookkeeping of overlay file systems.
	OverlayXattr Cause = "overlay-xattr"
	// CapabilityVersion: the same capabilities, stored for another user namespace.
	CapabilityVersion Cause = "capability-version"
	// CapabilityLost: capabilities that unpacking lost.
	CapabilityLost Cause = "capability-lost"
	// ACL: POSIX access control lists.
	ACL Cause = "acl"
	// UserXattr: xattrs that programs set, in the user namespace of names.
	UserXattr Cause = "user-xattr"
	// HostXattr: other xattrs that the kernel or the host set.
	HostXattr Cause = "host-xattr"
	// OwnerRange: an owner that chown cannot set.
	OwnerRange Cause = "owner-range"
	// OwnerLost: one owner has everything.
	OwnerLost Cause = "owner-lost"
	// OwnerByName: owners were looked up by name.
	OwnerByName Cause = "owner-by-name"
	// SetuidLost: setuid, setgid and sticky bits.
	SetuidLost Cause = "setuid-lost"
	// Umask: permission bits that a umask took away everywhere.
	Umask Cause = "umask"
	// Socket: archives have none.
	Socket Cause = "socket"
	// DeviceMissing: device nodes that could not be made.
	DeviceMissing Cause = "device-missing"
	// NameEncoding: the same name in other bytes.
	NameEncoding Cause = "name-encoding"
	// InlineLimit: the same content, in the image on one side, outside on the other.
	InlineLimit Cause = "inline-limit"
	// DumpForm: what only dump files say: link counts, object paths, the name at
	// which an inode has its place.
	DumpForm Cause = "dump-form"
	// VolatileContent: files that programs write anew by themselves.
	VolatileContent Cause = "volatile-content"
	// ContentChange: other content, or a symlink's other target.
	ContentChange Cause = "content-change"
	// BuildTime: the layers of two images give other mtimes.
	BuildTime Cause = "build-time"
	// Unexplained: none of these.
	Unexplained Cause = "unexplained"
)

// Causes lists them in their order.
func Causes() []Cause {
	return []Cause{
		OtherPolicy, PathThroughSymlink, WhiteoutDevice, LateLayers, WhiteoutInScan, EngineFile, IDMapping, Derived, RootMetadata, BootNanoseconds,
		ImplicitParent, HardlinkHeader, DuplicateEntry, WhiteoutOrder, OpaqueOrder, WhiteoutIgnored, ConstantMtime,
		ClampedMtime, MtimeRange, HardlinkRelink, SymlinkMetadata, DirectoryChanged, UnpackTimeMtime, RoundedMtime,
		SubsecondMtime, HardlinkBroken, HardlinkJoined, XattrEncoding, SELinuxLabel, OverlayXattr, CapabilityVersion,
		CapabilityLost, ACL, UserXattr, HostXattr, OwnerRange, OwnerLost, OwnerByName, SetuidLost, Umask, Socket, DeviceMissing, NameEncoding, InlineLimit,
		DumpForm, VolatileContent, ContentChange, BuildTime, Unexplained,
	}
}

// Finding is the differences that have one cause.
type Finding struct {
	Cause   Cause
	Entries []Entry // in the order of their differences
	// Evidence are the facts that speak for the cause, besides the entries.
	Evidence []Evidence
}

// Entry is a difference, or the part of one that a cause explains.
type Entry struct {
	*compare.Difference
	// Explained are the changes that the cause explains. For a path that only one
	// side has, there is one Change without a Field.
	Explained []compare.Change
	// Origin is the tar entry that the cause lies in, nil if it lies in none.
	Origin *canon.Origin
}

// Evidence is a fact that a cause was recognised by. Text never holds a name of
// the image; Path, if not empty, is what it is about. Quote is text of the image, such
// as a rule of its SELinux policy, that reports must escape as they do paths.
type Evidence struct {
	Text   string
	Path   string
	Quote  string
	Origin *canon.Origin
}
