package reports

import "cfsverify/canon/tarfile"

// LintRule is what a person needs to be told of a rule about archives.
type LintRule struct {
	// Title names a departure in a few words, Why tells what it leads to.
	Title, Why string
	// Fix is what to do about it.
	Fix string
}

// LintRuleOf gives the texts for a rule.
func LintRuleOf(r tarfile.Rule) LintRule { return lintRules[r] }

const (
	writeInOrder = "Write entries in the order of their paths' components, a directory before what is in it: tar --sort=name."
	writeUstar   = "Write pax archives with ustar headers: tar --format=posix."
	gnuPAX       = "Leave it out: tar --format=posix --pax-option=delete=atime,delete=ctime, and whole seconds."
)

var lintRules = map[tarfile.Rule]LintRule{
	tarfile.RefusedEntry: {
		"entries without a meaning that all tools agree on", "Some tools refuse the layer, others follow a symlink, or make something else of the entry.",
		"Write the real path, and hardlinks only to files that stand before them.",
	},
	tarfile.MissingParent: {
		"directories that a layer needs and has no entry for", "An engine that unpacks the layer makes the directory (0755, 0:0, with that moment's time), and overlayfs shows that one instead of a lower layer's.",
		"Put an entry for every parent directory into the layer, with the metadata that it is to have.",
	},
	tarfile.ParentOrder: {
		"directories that come after what is in them", "A tool that goes through the archive in order has no directory to put the entry into: composefs-rs refuses the layer.",
		writeInOrder,
	},
	tarfile.ThroughLower: {
		"paths below what is no directory in a lower layer", "Overlayfs shows a directory there, tools that unpack one layer over the other follow the symlink or fail, composefs-rs refuses the image.",
		"Write the real path in the layer: usr/lib/x, not lib/x.",
	},
	tarfile.DuplicateEntry: {
		"paths that a layer names twice", "The last entry counts for some tools, podman and buildah refuse the layer.",
		"Write each path once: tar -r and tar -u append entries for files that the archive has already.",
	},
	tarfile.WhiteoutOrder: {
		"whiteouts of what the layer itself has", "Whether the whiteout removes the new entries, or the new directory still shows what the old one held, depends on the tool and on the order.",
		"Leave the whiteout out if the new entry replaces a file; for a directory write a whiteout for each name in it that is gone.",
	},
	tarfile.WhiteoutOfNothing: {
		"whiteouts of what is not there", "In a directory that only this layer has, overlayfs lists the name although nothing is there, and a scan fails.",
		"Leave the whiteout out.",
	},
	tarfile.OpaqueOrder: {
		"opaque markers behind entries of their directory", "The image specification lets them hide lower layers only; tools that go through the archive in order remove the layer's own entries too.",
		"Write the marker first, or better a whiteout for each name that is to go.",
	},
	tarfile.OpaqueRoot: {
		"an opaque marker for the root directory", "The root directory of podman's and buildah's containers is another one: the marker hides nothing there.",
		"Write a whiteout for each name in the root directory that is to go.",
	},
	tarfile.HardlinkTargetOrder: {
		"hardlinks that come before their targets", "No tool can link to what is not there yet.",
		"Write the file first, and hardlinks to it after it.",
	},
	tarfile.HardlinkToLower: {
		"hardlinks to files of lower layers", "A layer that is unpacked by itself does not have the file: podman and buildah refuse it.",
		"Write the file with all its names into the layer.",
	},
	tarfile.HardlinkHeader: {
		"hardlinks whose headers say something else than their targets'", "podman and buildah apply the link's mode, owner and time to the file, composefs-rs and umoci do not.",
		"Give the headers of all names of a file the same metadata.",
	},
	tarfile.WhiteoutDevice: {
		"device nodes that are whiteouts to overlayfs", "Overlayfs shows nothing in the place of a character device 0:0.",
		"Leave the device out; to remove a file, use a whiteout entry (.wh.NAME).",
	},
	tarfile.GlobalHeader: {
		"global PAX headers", "They are for all entries that follow by the standard, and ignored by container engines; umoci refuses the archive.",
		"Leave them out: git archive writes one, and tar with --pax-option=globexthdr….",
	},
	tarfile.EndOfArchive: {
		"archives without the two zero blocks at the end", "Nothing shows whether the archive is whole; composefs-rs refuses one with a single zero block, and one with none behind an entry without content.",
		"End the archive with two blocks of 512 zero bytes.",
	},
	tarfile.SubsecondMtime: {
		"times with fractions of a second", "Tools that read or keep whole seconds only, EROFS images of version 2 and older releases of composefs-rs among them, have other times.",
		"Write whole seconds: tar --mtime, buildah --timestamp, SOURCE_DATE_EPOCH with --rewrite-timestamp; or make digests with --mtime s.",
	},
	tarfile.MtimeRange: {
		"times that cannot be held", "Engines set times before 1970, or after 2262-04-11, to something else; composefs-rs refuses PAX records of those before 1970.",
		"Set the time to one in between: touch, tar --mtime.",
	},
	tarfile.OwnerRange: {
		"owners that cannot be set", "4294967295 is no owner to chown, and larger numbers are cut.",
		"Give the file an owner below 4294967295.",
	},
	tarfile.SymlinkMode: {
		"symlinks with a mode that is not 0777", "Linux has no modes of symlinks: unpacked, all have 0777.",
		"Write 0777 for symlinks, as GNU tar does.",
	},
	tarfile.XattrEncoding: {
		"xattrs, flags or access control lists in a form that engines do not read", "Engines and composefs-rs read SCHILY.xattr records only.",
		"Write SCHILY.xattr records: GNU tar --xattrs, bsdtar with pax:xattrheader=SCHILY.",
	},
	tarfile.XattrEmpty: {
		"xattrs without a value", "podman, buildah and umoci drop them.",
		"Give the xattr a value, or leave it out.",
	},
	tarfile.XattrUnsettable: {
		"xattrs that Linux refuses", "Engines refuse the layer, or leave the xattr out.",
		"Leave the xattr out.",
	},
	tarfile.XattrHost: {
		"xattrs that are the host's", "Labels, measurements and the bookkeeping of overlayfs belong to the machine that the archive was made on: engines do not set them, and a scan sees those of its own machine.",
		"Leave them out: tar --xattrs-exclude='security.selinux' --xattrs-exclude='trusted.overlay.*', and so on.",
	},
	tarfile.CapabilityVersion: {
		"file capabilities of version 3", "They were read in a user namespace; the kernel stores them in another form, or for another user.",
		"Set capabilities where the root user is that of the host, or write version 2.",
	},
	tarfile.XattrSize: {
		"xattrs that ext4 has no room for", "The xattrs of a file, each with 16 bytes and its name, have one block of 4,096 bytes on ext4, and what the inode has left, fewer than 100 bytes or none: engines that unpack there refuse the layer.",
		"Leave xattrs out, or shorten them.",
	},
	tarfile.ACL: {
		"POSIX access control lists", "Linux gives a file the mode that its list says, drops a list that says no more than a mode, and gives the default list of a directory to what podman and buildah make in it; composefs-rs keeps what the layer says.",
		"Leave the list out, or give the entry the mode that the list says (cfsverify repair does); digests with --xattrs all still differ below a directory with a default list.",
	},
	tarfile.SizeOfNothing: {
		"sizes of what has no content", "composefs-rs takes what follows a directory, link, device or FIFO for content of that size, and does not see the entries there.",
		"Write 0.",
	},
	tarfile.ContiguousFile: {
		"files of the type '7'", "podman, buildah and umoci do not know contiguous files.",
		"Write the type '0'.",
	},
	tarfile.TrailingSlash: {
		"files whose names end in a slash", "With the old type NUL, engines make a directory of it and composefs-rs a file.",
		"Write the type '5' for a directory, and no slash behind a file's name.",
	},
	tarfile.PAXKey: {
		"PAX records whose key is not UTF-8", "composefs-rs refuses the layer.",
		"Leave the record out.",
	},

	tarfile.MissingRoot: {
		"no entry for the root directory", "Each engine makes up the root's metadata; the canonical tar has an entry ./ first.",
		"Pack the directory itself: tar -C ROOT .",
	},
	tarfile.EntryOrder: {
		"entries in another order", "The order in which a directory is listed is chance.", writeInOrder,
	},
	tarfile.HardlinkTarget: {
		"hardlinks to another name than the first", "The canonical tar has the content at the first name, and all hardlinks lead there.",
		writeInOrder,
	},
	tarfile.MarkerForm: {
		"markers that are not empty files of 0:0 with mode 0644 and mtime 0", "What a marker is made of means nothing, and need not differ.",
		"Write markers as empty files, mode 0644, owner 0:0, mtime 0.",
	},
	tarfile.AUFSName: {
		"bookkeeping of AUFS", "Nothing reads it any more.", "Leave names that begin with .wh..wh. out, but for .wh..wh..opq.",
	},
	tarfile.TrailingData: {
		"bytes behind the two zero blocks", "tar pads archives to the size of a record, 10,240 bytes by default.", "Pack with a record of one block: tar --blocking-factor=1.",
	},
	tarfile.TarFormat: {
		"headers that are not of the ustar format", "The same entry has other bytes in another format.", writeUstar,
	},
	tarfile.GNUExtension: {
		"long names in GNU's form", "The canonical tar has long names in PAX records.", writeUstar,
	},
	tarfile.PrefixField: {
		"names that are split", "The canonical tar has long names in PAX records, and no prefix.", writeUstar,
	},
	tarfile.PathForm: {
		"paths in another form", "Canonical paths begin with ./, those of directories end in a slash, and there is nothing else between the names than one slash.",
		"Pack with tar -C ROOT .",
	},
	tarfile.TypeFlag: {
		"files of the old type NUL", "The canonical type is '0'.", writeUstar,
	},
	tarfile.ModeBits: {
		"mode bits beyond 07777", "The type flag says the type.", "Write permissions, setuid, setgid and sticky bits only.",
	},
	tarfile.OwnerName: {
		"names of users and groups", "They are those of the machine that the archive was made on, and some tools look them up on another.",
		"Leave them out: tar --numeric-owner.",
	},
	tarfile.DeviceField: {
		"device numbers of what is no device", "The canonical tar has zeros there: 0000000 and a NUL.", "Write zeros.",
	},
	tarfile.LinkField: {
		"link targets of what is no link", "They mean nothing.", "Leave the field empty.",
	},
	tarfile.NumberForm: {
		"numbers in another form", "Canonical numbers are octal, padded with zeros and ended by a NUL; larger ones are in PAX records.",
		"Write pax archives, as tar --format=posix does.",
	},
	tarfile.NeedlessPAX: {
		"PAX records that say nothing more", "Times of access and change are those of the moment, other records repeat what the header has.",
		gnuPAX,
	},
	tarfile.PAXForm: {
		"PAX records in another order or form", "The canonical order is path, linkpath, size, uid, gid, mtime, and then xattrs by name; each record is there once and as short as can be.",
		"Write the layer anew: cfsverify tar --layer N.",
	},
	tarfile.PAXHeader: {
		"PAX headers with another header of their own", "GNU tar puts its process number, others the time, into the header of a PAX header. The canonical name is PaxHeaders.0/NAME, with mode 0644, owner 0:0 and mtime 0.",
		"Write the layer anew: cfsverify tar --layer N. tar --pax-option=exthdr.name=PaxHeaders.0/%f,exthdr.mtime=0 makes them alike at least.",
	},
	tarfile.Padding: {
		"padding that is not zero", "It is memory that the tool forgot to clear.", "Fill blocks up with zeros.",
	},
	tarfile.UnusedBytes: {
		"bytes that no field uses", "They mean nothing.", "Write zeros.",
	},
	tarfile.HeaderBytes: {
		"other bytes in headers", "Fields hold something behind a name's end, or another part of a long name than its first 100 bytes.", "Write the layer anew: cfsverify tar --layer N.",
	},

	tarfile.OpaqueMarker: {
		"opaque markers", "The same tree comes of whiteouts of names too, in other bytes. In the order of names the marker comes behind names such as .bashrc, which a tool that goes through the archive in order then removes.",
		"Write a whiteout for each name that is to go, as cfsverify repair does.",
	},
	tarfile.NameEncoding: {
		"names that are not UTF-8", "PAX records are UTF-8 by the standard, and tools show and store such names differently.", "Rename the file.",
	},
	tarfile.CanonicalMark: {
		"no mark that the archive is canonical", "The draft of canonical tar begins archives with a global header canonical-tar=1. umoci refuses archives that have one.",
		"Nothing, unless a reader asks for the mark: cfsverify tar writes it.",
	},
}
