package reports

import (
	"cfsverify/compare/blame"
)

// Cause is what a person needs to be told of a cause.
type Cause struct {
	// Title names the cause in a few words, Why tells how it comes about.
	Title, Why string
	// Advice is what to do about it.
	Advice string
	// See are threads in which it was found or discussed.
	See []string
}

// causes are the texts for all causes but Unexplained.
var causes = map[blame.Cause]Cause{
	blame.OtherPolicy: {
		Title:  "what another policy did to one side before it was written",
		Why:    "A dump file or composefs image is the end of a pipeline: what its policy took from it, or made up, cannot be had again. bootc writes its dump files after it has prepared the tree for booting.",
		Advice: "Compare both sides by the policy that the evidence names (--bootable for what was prepared for booting), or write the dump file again by the policy of the comparison.",
	},
	blame.LateLayers: {
		Title:  "layers on top of what was scanned",
		Why:    "The scan saw the root file system before the topmost layers came to it.",
		Advice: "Scan the last stage that changes the root file system, or move the steps after the scan into /boot, /run or before it.",
		See:    []string{"https://github.com/blue-build/cli/issues/804"},
	},
	blame.WhiteoutInScan: {
		Title:  "whiteouts in the scanned directory",
		Why:    "The scanned directory has whiteouts, which a mounted root never shows: it is one layer's own directory, or the store is damaged.",
		Advice: "Scan the mounted root (buildah mount, podman image mount, RUN --mount=type=bind,from=STAGE), not a layer's directory in the store.",
		See:    []string{"https://github.com/composefs/composefs/issues/436"},
	},
	blame.WhiteoutDevice: {
		Title:  "a device node that is a whiteout to overlayfs",
		Why:    "A layer has a character device 0:0, by which overlayfs marks what is hidden, so it shows nothing there.",
		Advice: "Leave the device out of the layer; to remove a file, use a whiteout entry (.wh.NAME).",
	},
	blame.EngineFile: {
		Title:  "files and mount points that the engine left",
		Why:    "Engines mount /etc/hosts and /etc/resolv.conf, /dev, /proc and what --mount names into a container, and leave files and directories behind that they mounted on.",
		Advice: "Point mounts below /run, which is emptied before digests are made; scan a stage in which nothing runs, through a bind mount below /run.",
		See:    []string{"https://github.com/containers/buildah/issues/4242", "https://github.com/composefs/composefs-rs/issues/132"},
	},
	blame.IDMapping: {
		Title:  "owners shifted by a user namespace",
		Why:    "The scan ran outside the user namespace in which the image was unpacked, so it saw the host's IDs.",
		Advice: "Scan in the same namespace: inside the build, or with podman unshare or buildah unshare.",
	},
	blame.OwnerLost: {
		Title:  "one owner of everything",
		Why:    "Only root can give files to others: who unpacks without privilege owns all of them, and engines may be told to ignore that.",
		Advice: "Unpack as root, or in a user namespace with subordinate IDs (podman unshare, buildah unshare).",
	},
	blame.OwnerByName: {
		Title:  "owners looked up by name",
		Why:    "Every entry of an owner has the same other owner: the tool that unpacked looked the names of users and groups up on the host.",
		Advice: "Unpack with numeric owners, as with tar --numeric-owner.",
	},
	blame.OwnerRange: {
		Title:  "an owner that cannot be set",
		Why:    "The user or group is 4294967295, which chown takes for leaving it as it is.",
		Advice: "Give the file an owner below that.",
	},
	blame.Derived: {
		Title:  "copied by the policy from another entry that differs",
		Why:    "The policy gives /, /run, /boot, /sysroot or directories metadata of other entries.",
		Advice: "Nothing by itself: it goes when the other entries are the same.",
	},
	blame.RootMetadata: {
		Title:  "metadata of the root directory",
		Why:    "Few layers have an entry for the root, and engines ignore it or make it up: podman 0555, Docker 0755, with the time of unpacking.",
		Advice: "Use a rule that does not look at it: --root usr, as composefs-rs has it by default.",
		See:    []string{"https://github.com/composefs/composefs-rs/issues/34", "https://github.com/containers/storage/issues/743"},
	},
	blame.BootNanoseconds: {
		Title:  "nanoseconds of /boot and /sysroot",
		Why:    "composefs-rs gives them the mtime of /usr; before its pull request 396 it copied only the seconds.",
		Advice: "Make both digests with the same version of composefs-rs, or say which with --boot-mtime.",
		See:    []string{"https://github.com/composefs/composefs-rs/pull/396"},
	},
	blame.PathThroughSymlink: {
		Title:  "a path that goes through a symlink of a lower layer",
		Why:    "A layer has an entry below what is a symlink or file in a layer below. Overlayfs shows a directory there, tools that unpack one layer over the other follow the symlink, composefs-rs refuses the image.",
		Advice: "Write the real path in the layer: COPY to usr/lib, not to lib.",
	},
	blame.ImplicitParent: {
		Title:  "directories that a layer needs and has no entry for",
		Why:    "The engine made the directory when it unpacked the layer (0755, owned by root, with that moment's time), and it hides the one of the lower layer.",
		Advice: "Put entries for all parent directories into the layer: build it with a tool that writes them, or squash it with the layer that has them.",
		See:    []string{"https://github.com/composefs/composefs-rs/issues/132", "https://github.com/bootc-dev/bootc/issues/2194"},
	},
	blame.HardlinkHeader: {
		Title:  "hardlink entries whose header is not that of their target",
		Why:    "Engines that unpack with chmod, chown and utimes give the inode what the hardlink's header says; composefs-rs ignores that header.",
		Advice: "Build the layer with a tool that gives a hardlink entry the metadata of its target.",
	},
	blame.DuplicateEntry: {
		Title:  "paths that a layer names twice",
		Why:    "Some tools take the first entry, some the last, some refuse the layer.",
		Advice: "Build the layer so that it names every path once.",
		See:    []string{"https://github.com/moby/buildkit/issues/266"},
	},
	blame.WhiteoutOrder: {
		Title:  "a whiteout and new entries for the same names in one layer",
		Why:    "By the OCI image-spec a marker acts on lower layers only, wherever it stands; tools that apply entries in order delete what their own layer brought, and overlayfs still shows what is below a directory that came back.",
		Advice: "Remove and create in different layers, or put markers first and mark a directory that comes back as opaque.",
		See:    []string{"https://github.com/composefs/composefs-rs/issues/8"},
	},
	blame.OpaqueOrder: {
		Title:  "a whiteout and new entries for the same names in one layer",
		Why:    "By the OCI image-spec a marker acts on lower layers only, wherever it stands; tools that apply entries in order delete what their own layer brought, and overlayfs still shows what is below a directory that came back.",
		Advice: "Remove and create in different layers, or put markers first and mark a directory that comes back as opaque.",
		See:    []string{"https://github.com/composefs/composefs-rs/issues/8"},
	},
	blame.WhiteoutIgnored: {
		Title:  "entries that a whiteout should hide",
		Why:    "A layer has a marker for them, and they are still there.",
		Advice: "Unpack the image again; if they are there again, report it to the engine that unpacked it.",
	},
	blame.ConstantMtime: {
		Title:  "one mtime everywhere",
		Why:    "The tree keeps no times, as ostree and some caches and copies do not.",
		Advice: "Scan a root that the engine unpacked itself, not a checkout or a copy.",
		See:    []string{"https://github.com/bootc-dev/bootc/issues/837"},
	},
	blame.ClampedMtime: {
		Title:  "times set back to one moment",
		Why:    "The layers were written with a timestamp or SOURCE_DATE_EPOCH, which what was scanned does not have yet.",
		Advice: "Scan a stage that is based on the committed image (FROM app AS sealed), not the stage that is still being built.",
		See:    []string{"https://github.com/containers/buildah/issues/6208"},
	},
	blame.MtimeRange: {
		Title:  "times that cannot be held",
		Why:    "The mtime is before 1970 or so late that the engine or the file system keeps another one.",
		Advice: "Set a sane mtime before the layer is made: touch the files, or build with SOURCE_DATE_EPOCH.",
	},
	blame.HardlinkRelink: {
		Title:  "directories touched when hardlinks were made again",
		Why:    "An engine that changes owners for a user namespace removes hardlinks and makes them again, which changes the mtimes of their directories.",
		Advice: "Unpack without an ID map, or use an engine that puts the times back.",
		See:    []string{"https://github.com/containers/container-libs/issues/1172"},
	},
	blame.SymlinkMetadata: {
		Title:  "modes and times of symlinks",
		Why:    "Linux has no modes for symlinks, and tools give their times back only with the right system call.",
		Advice: "Build the layer with mode 0777 for symlinks; unpack with a tool that sets the times of symlinks.",
		See:    []string{"https://github.com/alexcrichton/tar-rs/issues/288"},
	},
	blame.DirectoryChanged: {
		Title:  "times of directories in which something else differs",
		Why:    "Putting a name into a directory or removing one changes the directory's mtime.",
		Advice: "See to what differs in these directories, and set their mtimes back.",
	},
	blame.UnpackTimeMtime: {
		Title:  "times of unpacking",
		Why:    "The scan has an mtime that is later than all in the layers: whatever unpacked the image wrote to the entry after it had set its time, or did not set it.",
		Advice: "Use an engine that restores directory times last, or --dir-mtime newest-child on both sides.",
		See:    []string{"https://github.com/bootc-dev/bootc/issues/2194"},
	},
	blame.RoundedMtime: {
		Title:  "times rounded to the next second",
		Why:    "The layer was written by Go's archive/tar in a form without fractions, which rounds; others cut.",
		Advice: "Scan what was unpacked from the committed layer (FROM app AS sealed), or write PAX headers.",
		See:    []string{"https://github.com/containerd/containerd/issues/3589"},
	},
	blame.SubsecondMtime: {
		Title:  "fractions of seconds that one side does not have",
		Why:    "The file system has nanoseconds; tar without PAX records has whole seconds.",
		Advice: "Scan what was unpacked from committed layers (FROM app AS sealed, then a LABEL), or compare whole seconds with --mtime s on both sides.",
		See:    []string{"https://github.com/containers/buildah/issues/6168"},
	},
	blame.HardlinkBroken: {
		Title:  "hardlinks that are separate files",
		Why:    "Copy-up by overlayfs breaks a link, and so do copies and scanners that do not look at inode numbers, as mkcomposefs.",
		Advice: "Change all names of a file in the layer that makes them, scan with a tool that keeps hardlinks, or give --hardlinks break if the digest was made without.",
		See:    []string{"https://github.com/composefs/composefs/issues/444"},
	},
	blame.HardlinkJoined: {
		Title:  "separate files that are hardlinked",
		Why:    "A store that saves space made one inode of files with the same content.",
		Advice: "Turn the engine's deduplication by hardlinks off, or scan a copy without it.",
	},
	blame.XattrEncoding: {
		Title:  "xattrs that not every tool reads or sets",
		Why:    "The layer has them as LIBARCHIVE.xattr records, or with a name that Linux does not take, or without a value, which some tools take for none.",
		Advice: "Write SCHILY.xattr records with values, as GNU tar and the engines do.",
	},
	blame.SELinuxLabel: {
		Title:  "SELinux labels",
		Why:    "Without --bootable: the build host's kernel shows its own labels on files of containers, and engines do not unpack those of layers. With it: the image's policy gives the file other labels on the two sides, as it depends on path and type.",
		Advice: "Without --bootable, leave them out with --xattrs allowlist, as composefs-rs does. With it, the rules that the evidence names say which path or type to make the same.",
		See:    []string{"https://github.com/composefs/composefs-rs/issues/212"},
	},
	blame.OverlayXattr: {
		Title:  "bookkeeping of overlay file systems",
		Why:    "Overlayfs, fuse-overlayfs and rootless engines keep notes in xattrs, which get into layers or scans.",
		Advice: "Scan the mounted root, not a directory of the store; leave them out with --xattrs allowlist.",
		See:    []string{"https://github.com/containers/storage/issues/1847"},
	},
	blame.CapabilityVersion: {
		Title:  "the same capabilities for another user namespace",
		Why:    "In a user namespace the kernel stores security.capability as version 3 with the namespace's root ID, else as version 2.",
		Advice: "Build and scan in the same namespace, or as root without one.",
		See:    []string{"https://github.com/moby/moby/issues/41723"},
	},
	blame.CapabilityLost: {
		Title:  "lost capabilities",
		Why:    "Setting security.capability needs privilege, and changing the owner or the content removes it.",
		Advice: "Unpack as root; run setcap after the last chown and write.",
	},
	blame.ACL: {
		Title:  "access control lists",
		Why:    "Linux makes a file's mode what its list says, with the mask as the group bits, drops a list that says no more than a mode, and hands the default list of a directory down to what is made in it. Layers of most engines have no lists.",
		Advice: "Remove them (setfacl -b) or set them at first boot; --xattrs allowlist leaves them out, the modes remain. cfsverify repair gives layers the modes that lists say.",
	},
	blame.UserXattr: {
		Title:  "user xattrs",
		Why:    "Layers may have user.* attributes; composefs-rs kept them in images and not in scans until June 2026, and has a switch since.",
		Advice: "Leave them out on both sides with --xattrs allowlist, or keep them on both with --xattrs user.",
		See:    []string{"https://github.com/composefs/composefs-rs/pull/337", "https://github.com/bootc-dev/bootc/issues/2334"},
	},
	blame.HostXattr: {
		Title:  "xattrs of the host",
		Why:    "The kernel or a security module of the host set them (IMA, EVM, AppArmor, trusted.*).",
		Advice: "Leave them out with --xattrs allowlist, as composefs-rs does.",
		See:    []string{"https://github.com/containers/storage/issues/1608"},
	},
	blame.SetuidLost: {
		Title:  "lost setuid, setgid or sticky bits",
		Why:    "chown removes these bits, and unpacking without privilege does not set them.",
		Advice: "Unpack as root with a tool that sets the mode after the owner; chmod after chown in the build.",
		See:    []string{"https://github.com/opencontainers/umoci/issues/166"},
	},
	blame.Umask: {
		Title:  "permission bits that a umask took",
		Why:    "Unpacking without -p applies the umask.",
		Advice: "Unpack as root, or with tar -p.",
	},
	blame.Socket: {
		Title:  "sockets",
		Why:    "Archives have no type for sockets, so layers never have them.",
		Advice: "Remove sockets before the scan, or make programs put them into /run.",
		See:    []string{"https://github.com/containerd/containerd/issues/2222"},
	},
	blame.DeviceMissing: {
		Title:  "device nodes that could not be made",
		Why:    "mknod needs privilege, so unpacking without it leaves them out or puts an empty file there.",
		Advice: "Leave device nodes out of the image (/dev is mounted at run time), or unpack as root.",
	},
	blame.NameEncoding: {
		Title:  "the same names in other bytes",
		Why:    "A file system or a tool folded case, normalised Unicode, or replaced bytes that are not UTF-8.",
		Advice: "Unpack on a Linux file system without case folding, under a UTF-8 locale; or rename the files.",
	},
	blame.InlineLimit: {
		Title:  "the same content, kept in another place",
		Why:    "One image keeps small files in itself, the other in the content store.",
		Advice: "Make both images with the same version of the composefs tools.",
	},
	blame.DumpForm: {
		Title:  "what only dump files and images say",
		Why:    "Link counts, object paths and the name at which an inode has its place can be stated in dump files in several ways.",
		Advice: "Make both dump files with the same tool.",
	},
	blame.VolatileContent: {
		Title:  "content of files that programs write by themselves",
		Why:    "Caches, logs, databases of package managers and machine IDs have times or random numbers in them.",
		Advice: "Remove these files in the same step that makes them, or make them in a stage below the one that is scanned.",
	},
	blame.ContentChange: {
		Title:  "other content",
		Why:    "The files are not the same.",
		Advice: "Build both sides from the same layers: not from a rebuilt stage, and without a cache that may be stale. The same size with other content may be a damaged store.",
		See:    []string{"https://github.com/containers/fuse-overlayfs/issues/475"},
	},
	blame.BuildTime: {
		Title:  "times of two builds",
		Why:    "Both sides come from layers, and only the times differ: they were built at different times.",
		Advice: "Build with SOURCE_DATE_EPOCH and --rewrite-timestamp (buildah, BuildKit), or set times in the build.",
	},
}

// unexplained is for differences that no cause fits.
var unexplained = Cause{
	Title:  "not explained",
	Why:    "No cause that cfsverify knows fits these.",
	Advice: "Look at the entries: where they come from tells which step made them. If a tool did this, please report it.",
}

// CauseOf gives the texts for a cause.
func CauseOf(c blame.Cause) Cause {
	if text, found := causes[c]; found {
		return text
	}
	return unexplained
}
