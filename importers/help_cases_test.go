package importers

// applyCase holds what both sets of layer rules make of layers.
type applyCase struct {
	name   string
	layers []string
	// oci and composefs are a tree as a spec, or "error: " and a part of the message.
	// Where composefs is empty it is as oci; "-" is an empty tree.
	oci, composefs string
}

// applyCases are one or more for each rule.
func applyCases() []applyCase {
	return []applyCase{
		{
			name:   "directory over directory replaces all metadata and keeps what is in it",
			layers: []string{"d a mtime=1 uid=2 gid=3 mode=1777 pax:SCHILY.xattr.user.old=1\nf a/x =x", "d a mtime=9 pax:SCHILY.xattr.user.new=2"},
			oci:    "d a mtime=9 user.new=\"2\"\nf a/x =x",
		},
		{
			name:   "a child without its directory leaves the lower directory as it is",
			layers: []string{"d a mode=711 uid=3 mtime=4", "f a/x =x"},
			oci:    "d a uid=3 mtime=4 mode=711\nf a/x =x",
		},
		{
			name:   "directory over file is empty, file over directory takes its subtree",
			layers: []string{"d a\nd a/b\nf a/b/c =x\nf d =y\nl e ->a", "f a =new\nd d\nd e"},
			oci:    "f a =new\nd d\nd e",
		},
		{
			name:   "the last of two entries of one path in a layer counts",
			layers: []string{"f a =1 mtime=1\nf a =2\nd b mtime=1\nf b/x =x\nd b mtime=2\nd c\nf c/x\nf c =3"},
			oci:    "f a =2\nd b mtime=2\nf b/x =x\nf c =3",
		},
		{
			name:   "whiteout",
			layers: []string{"d a\nf a/x =x\nf a/y =y\nd b\nd b/c\nf b/c/d\nf e", "d a\nf a/.wh.x\nf .wh.b\nf .wh.e"},
			oci:    "d a\nf a/y =y",
		},
		{
			name:   "the type of a whiteout does not matter",
			layers: []string{"d a\nf x\nf y\nf z", "d .wh.a\nl .wh.x ->y\nc .wh.y dev=1,3\nh .wh.z ->z"},
			// The target of the hardlink is not looked up by the OCI rules.
			oci: "",
		},
		{
			name:      "a hardlink that is a whiteout must have its target for composefs-rs",
			layers:    []string{"f z", "h .wh.z ->none"},
			oci:       "",
			composefs: `error: layer 2 (2.tar), entry 1 ".wh.z": composefs-rs refuses this: the hardlink's target "none" is not there`,
		},
		{
			name:   "a whiteout of what is not there does nothing",
			layers: []string{"d a\nf a/.wh.x\nf .wh.none", "f .wh.x"},
			oci:    "d a",
		},
		{
			name:   "whiteout before a new entry of its name",
			layers: []string{"d a mtime=1\nf a/old\nf b =old", "f .wh.a\nd a mtime=2\nf a/new\nf .wh.b\nf b =new"},
			oci:    "d a mtime=2\nf a/new\nf b =new",
		},
		{
			name:      "whiteout after an entry of its name in its own layer",
			layers:    []string{"d a\nf a/old\nf b =old", "d a mtime=2\nf a/new\nf .wh.a\nf b =new\nf .wh.b"},
			oci:       "d a mtime=2\nf a/new\nf b =new",
			composefs: "-",
		},
		{
			name:      "whiteout after an entry below its name in its own layer",
			layers:    []string{"d a\nf a/old", "f a/new\nf .wh.a"},
			oci:       "d a implicit\nf a/new",
			composefs: "-",
		},
		{
			name:   "opaque marker first",
			layers: []string{"d a mtime=1\nf a/old\nd a/sub\nf a/sub/old", "d a mtime=2\nf a/.wh..wh..opq\nf a/new"},
			oci:    "d a mtime=2\nf a/new",
		},
		{
			name:      "opaque marker last",
			layers:    []string{"d a\nf a/old\nd a/sub mtime=1\nf a/sub/old", "d a\nf a/new\nd a/sub mtime=2\nf a/.wh..wh..opq"},
			oci:       "d a\nf a/new\nd a/sub mtime=2",
			composefs: "d a",
		},
		{
			name:      "opaque marker between siblings that sort before and after it",
			layers:    []string{"d a\nf a/old", "d a\nf a/+x =1\nf a/.bashrc =2\nf a/.wh..wh..opq\nf a/z =3"},
			oci:       "d a\nf a/+x =1\nf a/.bashrc =2\nf a/z =3",
			composefs: "d a\nf a/z =3",
		},
		{
			name:   "opaque marker of the root",
			layers: []string{"d a\nf a/x\nf b", "f .wh..wh..opq", "f c"},
			oci:    "f c",
		},
		{
			name:   "an opaque marker leaves the directory's own metadata",
			layers: []string{"d a mtime=5 uid=1\nf a/x", "f a/.wh..wh..opq"},
			oci:    "d a uid=1 mtime=5",
		},
		{
			name:      "a marker in a directory that nobody has an entry for",
			layers:    []string{"f x", "f a/b/.wh.c"},
			oci:       "d a implicit\nd a/b implicit\nf x",
			composefs: `error: layer 2 (2.tar), entry 1 "a/b/.wh.c": composefs-rs refuses this: there is no entry for the directory "a"`,
		},
		{
			name:      "an opaque marker before its directory's entry",
			layers:    []string{"l a ->b", "f a/.wh..wh..opq\nd a mtime=3\nf a/x"},
			oci:       "d a mtime=3\nf a/x",
			composefs: `error: layer 2 (2.tar), entry 1 "a/.wh..wh..opq": composefs-rs refuses this: "a" is a symlink, not a directory (layer 1 (1.tar), entry 1)`,
		},
		{
			name:      "a marker in a directory that a later marker hides",
			layers:    []string{"d a\nd b\nf b/x", "f b/.wh.y\nf .wh.b"},
			oci:       "d a\nd b implicit",
			composefs: "d a",
		},
		{
			name:      "missing parents are made",
			layers:    []string{"d a mtime=7", "f a/b/c/d =x uid=5 mtime=6"},
			oci:       "d a mtime=7\nd a/b implicit\nd a/b/c implicit\nf a/b/c/d =x uid=5 mtime=6",
			composefs: `error: layer 2 (2.tar), entry 1 "a/b/c/d": composefs-rs refuses this: there is no entry for the directory "a/b"`,
		},
		{
			name:      "an entry after those below it",
			layers:    []string{"f a/x =x\nd a mtime=3"},
			oci:       "d a mtime=3\nf a/x =x",
			composefs: `error: layer 1 (1.tar), entry 1 "a/x": composefs-rs refuses this: there is no entry for the directory "a"`,
		},
		{
			name:      "the parent is a symlink of a lower layer",
			layers:    []string{"d usr\nd usr/lib\nf usr/lib/a\nl lib ->usr/lib", "f lib/b =b"},
			oci:       "d lib implicit\nf lib/b =b\nd usr\nd usr/lib\nf usr/lib/a",
			composefs: `error: layer 2 (2.tar), entry 1 "lib/b": composefs-rs refuses this: "lib" is a symlink, not a directory (layer 1 (1.tar), entry 4)`,
		},
		{
			name:      "the parent is a symlink of the same layer",
			layers:    []string{"d usr\nl lib ->usr\nf lib/b =b"},
			oci:       `error: layer 1 (1.tar), entry 3 "lib/b": its parent is a symlink by entry 2 of the same layer, "lib": tools disagree`,
			composefs: `error: layer 1 (1.tar), entry 3 "lib/b": composefs-rs refuses this: "lib" is a symlink, not a directory (layer 1 (1.tar), entry 2)`,
		},
		{
			name:      "the parent is a file that the same layer made of a lower directory",
			layers:    []string{"d a", "f a\nf a/.wh.x"},
			oci:       `error: layer 2 (2.tar), entry 2 "a/.wh.x": its parent is a file by entry 1 of the same layer, "a"`,
			composefs: `error: layer 2 (2.tar), entry 2 "a/.wh.x": composefs-rs refuses this: "a" is a file`,
		},
		{
			name:   "hardlinks join names of lower layers, and their own metadata is ignored",
			layers: []string{"f a =x mtime=4 mode=755\nh b ->./a mode=600 uid=9 mtime=8", "h c ->/b pax:SCHILY.xattr.user.a=1\nf a =new"},
			oci:    "f a =new\nf b =x mtime=4 mode=755\nh c ->b",
		},
		{
			name:   "a hardlink leads to what its target was then",
			layers: []string{"f a =1\nh b ->a\nf a =2\nh c ->a\nh d ->b"},
			oci:    "f a =2\nf b =1\nh c ->a\nh d ->b",
		},
		{
			name:   "hardlinks of other types",
			layers: []string{"l a ->x\nh b ->a\nc c dev=5,1\nh d ->c\np e\nh f ->e"},
			oci:    "l a ->x\nh b ->a\nc c dev=5,1\nh d ->c\np e\nh f ->e",
		},
		{
			name:      "hardlink before its target",
			layers:    []string{"h b ->a\nf a"},
			oci:       `error: layer 1 (1.tar), entry 1 "b": the hardlink's target "a" is not there`,
			composefs: `error: layer 1 (1.tar), entry 1 "b": composefs-rs refuses this: the hardlink's target "a" is not there`,
		},
		{
			name:      "hardlink to a directory",
			layers:    []string{"d a\nh b ->a"},
			oci:       `error: layer 1 (1.tar), entry 2 "b": the hardlink's target "a" is a directory`,
			composefs: `error: layer 1 (1.tar), entry 2 "b": composefs-rs refuses this: the hardlink's target "a" is a directory`,
		},
		{
			name:      "hardlink through a symlink",
			layers:    []string{"d a\nf a/x\nl s ->a\nh b ->s/x"},
			oci:       `error: layer 1 (1.tar), entry 4 "b": the hardlink's target "s/x" is not there`,
			composefs: `error: layer 1 (1.tar), entry 4 "b": composefs-rs refuses this: the hardlink's target "s/x" is not there`,
		},
		{
			name:      "hardlink to what the same layer hides later",
			layers:    []string{"f a =x", "h b ->a\nf .wh.a"},
			oci:       `error: layer 2 (2.tar), entry 1 "b": the hardlink's target "a" is not there`,
			composefs: "f b =x",
		},
		{
			name:      "markers that mark nothing",
			layers:    []string{"f a\nf .wh."},
			oci:       `error: layer 1 (1.tar), entry 2 ".wh."`,
			composefs: "f a",
		},
		{
			name:      "a marker for the directory itself",
			layers:    []string{"f a\nf .wh.."},
			oci:       `error: layer 1 (1.tar), entry 2 ".wh.."`,
			composefs: "f a",
		},
		{
			name:      "a marker for the directory's parent",
			layers:    []string{"f a\nf .wh..."},
			oci:       `error: layer 1 (1.tar), entry 2 ".wh..."`,
			composefs: "f a",
		},
		{
			name:      "a name below a whiteout",
			layers:    []string{"d .wh.a\nf .wh.a/b"},
			oci:       `error: layer 1 (1.tar), entry 2 ".wh.a/b"`,
			composefs: `error: layer 1 (1.tar), entry 2 ".wh.a/b": composefs-rs refuses this: there is no entry for the directory ".wh.a"`,
		},
		{
			name:   "AUFS metadata",
			layers: []string{"f .wh..wh.aufs\nd .wh..wh.plnk\nd .wh..wh.orph\nf a"},
			oci:    "f a",
		},
		{
			name:      "AUFS metadata with something below",
			layers:    []string{"d .wh..wh.plnk\nf .wh..wh.plnk/1.2\nf a"},
			oci:       "f a",
			composefs: `error: layer 1 (1.tar), entry 2 ".wh..wh.plnk/1.2": composefs-rs refuses this: there is no entry for the directory ".wh..wh.plnk"`,
		},
		{
			name:   "the root's entry sets its metadata, the last one counts",
			layers: []string{"d ./ mode=555 mtime=1\nf a", "d / mode=750 uid=2 mtime=3 pax:SCHILY.xattr.user.r=1", "f b"},
			oci:    "d / uid=2 mtime=3 mode=750 user.r=\"1\"\nf a\nf b",
		},
		{
			name:      "mtimes before 1970",
			layers:    []string{"f a mtime=-2"},
			oci:       "f a mtime=-2",
			composefs: `error: layer 1 (1.tar), entry 1 "a": composefs-rs refuses this: the mtime is before 1970`,
		},
		{
			name:      "PAX mtimes before 1970",
			layers:    []string{"f a pax:mtime=-2.25\nf b pax:mtime=-0"},
			oci:       "f a mtime=-3 nsec=750000000\nf b",
			composefs: `error: layer 1 (1.tar), entry 1 "a": composefs-rs refuses this: the mtime is before 1970`,
		},
		{
			name:      "directories with a size",
			layers:    []string{"d a size=4096\nf a/x"},
			oci:       "d a\nf a/x",
			composefs: `error: layer 1 (1.tar), entry 1 "a": composefs-rs refuses this: the header states a size`,
		},
		{
			name:      "a PAX key that is not UTF-8",
			layers:    []string{`f a pax:"SCHILY.xattr.user.\xff=1"`},
			oci:       "f a user.\xff=\"1\"",
			composefs: `error: layer 1 (1.tar), entry 1 "a": composefs-rs refuses this: the key of a PAX record is not UTF-8`,
		},
	}
}
