package layers

// applyCase holds what both sets of layer rules make of layers.
type applyCase struct {
	Name   string
	Layers []string
	// OCI and composefs are a tree as a spec, or "error: " and a part of the message.
	// Where composefs is empty it is as oci; "-" is an empty tree.
	OCI, Composefs string
}

// ApplyCases are one or more for each rule.
func ApplyCases() []applyCase {
	return []applyCase{
		{
			Name:   "directory over directory replaces all metadata and keeps what is in it",
			Layers: []string{"d a mtime=1 uid=2 gid=3 mode=1777 pax:SCHILY.xattr.user.old=1\nf a/x =x", "d a mtime=9 pax:SCHILY.xattr.user.new=2"},
			OCI:    "d a mtime=9 user.new=\"2\"\nf a/x =x",
		},
		{
			Name:   "a child without its directory leaves the lower directory as it is",
			Layers: []string{"d a mode=711 uid=3 mtime=4", "f a/x =x"},
			OCI:    "d a uid=3 mtime=4 mode=711\nf a/x =x",
		},
		{
			Name:   "directory over file is empty, file over directory takes its subtree",
			Layers: []string{"d a\nd a/b\nf a/b/c =x\nf d =y\nl e ->a", "f a =new\nd d\nd e"},
			OCI:    "f a =new\nd d\nd e",
		},
		{
			Name:   "the last of two entries of one path in a layer counts",
			Layers: []string{"f a =1 mtime=1\nf a =2\nd b mtime=1\nf b/x =x\nd b mtime=2\nd c\nf c/x\nf c =3"},
			OCI:    "f a =2\nd b mtime=2\nf b/x =x\nf c =3",
		},
		{
			Name:   "whiteout",
			Layers: []string{"d a\nf a/x =x\nf a/y =y\nd b\nd b/c\nf b/c/d\nf e", "d a\nf a/.wh.x\nf .wh.b\nf .wh.e"},
			OCI:    "d a\nf a/y =y",
		},
		{
			Name:   "the type of a whiteout does not matter",
			Layers: []string{"d a\nf x\nf y\nf z", "d .wh.a\nl .wh.x ->y\nc .wh.y dev=1,3\nh .wh.z ->z"},
			// The target of the hardlink is not looked up by the OCI rules.
			OCI: "",
		},
		{
			Name:      "a hardlink that is a whiteout must have its target for composefs-rs",
			Layers:    []string{"f z", "h .wh.z ->none"},
			OCI:       "",
			Composefs: `error: layer 2 (2.tar), entry 1 ".wh.z": composefs-rs refuses this: the hardlink's target "none" is not there`,
		},
		{
			Name:   "a whiteout of what is not there does nothing",
			Layers: []string{"d a\nf a/.wh.x\nf .wh.none", "f .wh.x"},
			OCI:    "d a",
		},
		{
			Name:   "whiteout before a new entry of its name",
			Layers: []string{"d a mtime=1\nf a/old\nf b =old", "f .wh.a\nd a mtime=2\nf a/new\nf .wh.b\nf b =new"},
			OCI:    "d a mtime=2\nf a/new\nf b =new",
		},
		{
			Name:      "whiteout after an entry of its name in its own layer",
			Layers:    []string{"d a\nf a/old\nf b =old", "d a mtime=2\nf a/new\nf .wh.a\nf b =new\nf .wh.b"},
			OCI:       "d a mtime=2\nf a/new\nf b =new",
			Composefs: "-",
		},
		{
			Name:      "whiteout after an entry below its name in its own layer",
			Layers:    []string{"d a\nf a/old", "f a/new\nf .wh.a"},
			OCI:       "d a implicit\nf a/new",
			Composefs: "-",
		},
		{
			Name:   "opaque marker first",
			Layers: []string{"d a mtime=1\nf a/old\nd a/sub\nf a/sub/old", "d a mtime=2\nf a/.wh..wh..opq\nf a/new"},
			OCI:    "d a mtime=2\nf a/new",
		},
		{
			Name:      "opaque marker last",
			Layers:    []string{"d a\nf a/old\nd a/sub mtime=1\nf a/sub/old", "d a\nf a/new\nd a/sub mtime=2\nf a/.wh..wh..opq"},
			OCI:       "d a\nf a/new\nd a/sub mtime=2",
			Composefs: "d a",
		},
		{
			Name:      "opaque marker between siblings that sort before and after it",
			Layers:    []string{"d a\nf a/old", "d a\nf a/+x =1\nf a/.bashrc =2\nf a/.wh..wh..opq\nf a/z =3"},
			OCI:       "d a\nf a/+x =1\nf a/.bashrc =2\nf a/z =3",
			Composefs: "d a\nf a/z =3",
		},
		{
			Name:   "opaque marker of the root",
			Layers: []string{"d a\nf a/x\nf b", "f .wh..wh..opq", "f c"},
			OCI:    "f c",
		},
		{
			Name:   "an opaque marker leaves the directory's own metadata",
			Layers: []string{"d a mtime=5 uid=1\nf a/x", "f a/.wh..wh..opq"},
			OCI:    "d a uid=1 mtime=5",
		},
		{
			Name:      "a marker in a directory that nobody has an entry for",
			Layers:    []string{"f x", "f a/b/.wh.c"},
			OCI:       "d a implicit\nd a/b implicit\nf x",
			Composefs: `error: layer 2 (2.tar), entry 1 "a/b/.wh.c": composefs-rs refuses this: there is no entry for the directory "a"`,
		},
		{
			Name:      "an opaque marker before its directory's entry",
			Layers:    []string{"l a ->b", "f a/.wh..wh..opq\nd a mtime=3\nf a/x"},
			OCI:       "d a mtime=3\nf a/x",
			Composefs: `error: layer 2 (2.tar), entry 1 "a/.wh..wh..opq": composefs-rs refuses this: "a" is a symlink, not a directory (layer 1 (1.tar), entry 1)`,
		},
		{
			Name:      "a marker in a directory that a later marker hides",
			Layers:    []string{"d a\nd b\nf b/x", "f b/.wh.y\nf .wh.b"},
			OCI:       "d a\nd b implicit",
			Composefs: "d a",
		},
		{
			Name:      "missing parents are made",
			Layers:    []string{"d a mtime=7", "f a/b/c/d =x uid=5 mtime=6"},
			OCI:       "d a mtime=7\nd a/b implicit\nd a/b/c implicit\nf a/b/c/d =x uid=5 mtime=6",
			Composefs: `error: layer 2 (2.tar), entry 1 "a/b/c/d": composefs-rs refuses this: there is no entry for the directory "a/b"`,
		},
		{
			Name:      "an entry after those below it",
			Layers:    []string{"f a/x =x\nd a mtime=3"},
			OCI:       "d a mtime=3\nf a/x =x",
			Composefs: `error: layer 1 (1.tar), entry 1 "a/x": composefs-rs refuses this: there is no entry for the directory "a"`,
		},
		{
			Name:      "the parent is a symlink of a lower layer",
			Layers:    []string{"d usr\nd usr/lib\nf usr/lib/a\nl lib ->usr/lib", "f lib/b =b"},
			OCI:       "d lib implicit\nf lib/b =b\nd usr\nd usr/lib\nf usr/lib/a",
			Composefs: `error: layer 2 (2.tar), entry 1 "lib/b": composefs-rs refuses this: "lib" is a symlink, not a directory (layer 1 (1.tar), entry 4)`,
		},
		{
			Name:      "the parent is a symlink of the same layer",
			Layers:    []string{"d usr\nl lib ->usr\nf lib/b =b"},
			OCI:       `error: layer 1 (1.tar), entry 3 "lib/b": its parent is a symlink by entry 2 of the same layer, "lib": tools disagree`,
			Composefs: `error: layer 1 (1.tar), entry 3 "lib/b": composefs-rs refuses this: "lib" is a symlink, not a directory (layer 1 (1.tar), entry 2)`,
		},
		{
			Name:      "the parent is a file that the same layer made of a lower directory",
			Layers:    []string{"d a", "f a\nf a/.wh.x"},
			OCI:       `error: layer 2 (2.tar), entry 2 "a/.wh.x": its parent is a file by entry 1 of the same layer, "a"`,
			Composefs: `error: layer 2 (2.tar), entry 2 "a/.wh.x": composefs-rs refuses this: "a" is a file`,
		},
		{
			Name:   "hardlinks join names of lower layers, and their own metadata is ignored",
			Layers: []string{"f a =x mtime=4 mode=755\nh b ->./a mode=600 uid=9 mtime=8", "h c ->/b pax:SCHILY.xattr.user.a=1\nf a =new"},
			OCI:    "f a =new\nf b =x mtime=4 mode=755\nh c ->b",
		},
		{
			Name:   "a hardlink leads to what its target was then",
			Layers: []string{"f a =1\nh b ->a\nf a =2\nh c ->a\nh d ->b"},
			OCI:    "f a =2\nf b =1\nh c ->a\nh d ->b",
		},
		{
			Name:   "hardlinks of other types",
			Layers: []string{"l a ->x\nh b ->a\nc c dev=5,1\nh d ->c\np e\nh f ->e"},
			OCI:    "l a ->x\nh b ->a\nc c dev=5,1\nh d ->c\np e\nh f ->e",
		},
		{
			Name:      "hardlink before its target",
			Layers:    []string{"h b ->a\nf a"},
			OCI:       `error: layer 1 (1.tar), entry 1 "b": the hardlink's target "a" is not there`,
			Composefs: `error: layer 1 (1.tar), entry 1 "b": composefs-rs refuses this: the hardlink's target "a" is not there`,
		},
		{
			Name:      "hardlink to a directory",
			Layers:    []string{"d a\nh b ->a"},
			OCI:       `error: layer 1 (1.tar), entry 2 "b": the hardlink's target "a" is a directory`,
			Composefs: `error: layer 1 (1.tar), entry 2 "b": composefs-rs refuses this: the hardlink's target "a" is a directory`,
		},
		{
			Name:      "hardlink through a symlink",
			Layers:    []string{"d a\nf a/x\nl s ->a\nh b ->s/x"},
			OCI:       `error: layer 1 (1.tar), entry 4 "b": the hardlink's target "s/x" is not there`,
			Composefs: `error: layer 1 (1.tar), entry 4 "b": composefs-rs refuses this: the hardlink's target "s/x" is not there`,
		},
		{
			Name:      "hardlink to what the same layer hides later",
			Layers:    []string{"f a =x", "h b ->a\nf .wh.a"},
			OCI:       `error: layer 2 (2.tar), entry 1 "b": the hardlink's target "a" is not there`,
			Composefs: "f b =x",
		},
		{
			Name:      "markers that mark nothing",
			Layers:    []string{"f a\nf .wh."},
			OCI:       `error: layer 1 (1.tar), entry 2 ".wh."`,
			Composefs: "f a",
		},
		{
			Name:      "a marker for the directory itself",
			Layers:    []string{"f a\nf .wh.."},
			OCI:       `error: layer 1 (1.tar), entry 2 ".wh.."`,
			Composefs: "f a",
		},
		{
			Name:      "a marker for the directory's parent",
			Layers:    []string{"f a\nf .wh..."},
			OCI:       `error: layer 1 (1.tar), entry 2 ".wh..."`,
			Composefs: "f a",
		},
		{
			Name:      "a name below a whiteout",
			Layers:    []string{"d .wh.a\nf .wh.a/b"},
			OCI:       `error: layer 1 (1.tar), entry 2 ".wh.a/b"`,
			Composefs: `error: layer 1 (1.tar), entry 2 ".wh.a/b": composefs-rs refuses this: there is no entry for the directory ".wh.a"`,
		},
		{
			Name:   "AUFS metadata",
			Layers: []string{"f .wh..wh.aufs\nd .wh..wh.plnk\nd .wh..wh.orph\nf a"},
			OCI:    "f a",
		},
		{
			Name:      "AUFS metadata with something below",
			Layers:    []string{"d .wh..wh.plnk\nf .wh..wh.plnk/1.2\nf a"},
			OCI:       "f a",
			Composefs: `error: layer 1 (1.tar), entry 2 ".wh..wh.plnk/1.2": composefs-rs refuses this: there is no entry for the directory ".wh..wh.plnk"`,
		},
		{
			Name:   "the root's entry sets its metadata, the last one counts",
			Layers: []string{"d ./ mode=555 mtime=1\nf a", "d / mode=750 uid=2 mtime=3 pax:SCHILY.xattr.user.r=1", "f b"},
			OCI:    "d / uid=2 mtime=3 mode=750 user.r=\"1\"\nf a\nf b",
		},
		{
			Name:   "mtimes before 1970",
			Layers: []string{"f a mtime=-2\nf b mtime=-1 pax:mtime=3"},
			OCI:    "f a mtime=-2\nf b mtime=3",
		},
		{
			Name:      "PAX mtimes before 1970",
			Layers:    []string{"f a pax:mtime=-2.25\nf b pax:mtime=-0"},
			OCI:       "f a mtime=-3 nsec=750000000\nf b",
			Composefs: `error: layer 1 (1.tar), entry 1 "a": composefs-rs refuses this: a PAX record has an mtime before 1970`,
		},
		{
			Name:   "fractions of mtimes that are no numbers",
			Layers: []string{"f a pax:mtime=1.+5\nf b pax:mtime=1.+123456789\nf c pax:mtime=1.5x\nf d pax:mtime=1.5.7\nf e pax:mtime=1.\nf f pax:mtime=1.1234567891\nf g pax:\"mtime=1.\u00e9\""},
			OCI:    "f a mtime=1 nsec=50000000\nf b mtime=1 nsec=12345678\nf c mtime=1\nf d mtime=1\nf e mtime=1\nf f mtime=1 nsec=123456789\nf g mtime=1",
		},
		{
			Name:      "a size hides the next entry",
			Layers:    []string{"d a size=512\nf b\nf c"},
			OCI:       "d a\nf b\nf c",
			Composefs: "d a\nf c",
		},
		{
			Name:      "a size of one byte hides as much",
			Layers:    []string{"l a ->x size=1\nf b\nf c =c"},
			OCI:       "l a ->x\nf b\nf c =c",
			Composefs: "l a ->x\nf c =c",
		},
		{
			Name:      "a size hides an entry and its content, a PAX size too",
			Layers:    []string{"f x =x\nh a ->x pax:size=1024\nf b =b\nf c\np d size=2048\nf e =e\nf f =f\nf g =g"},
			OCI:       "f a =x\nf b =b\nf c\np d\nf e =e\nf f =f\nf g =g\nh x ->a",
			Composefs: "f a =x\nf c\np d\nf g =g\nh x ->a",
		},
		{
			Name:      "an entry with a size that is hidden hides nothing",
			Layers:    []string{"d a size=512\nd b size=512\nf c"},
			OCI:       "d a\nd b\nf c",
			Composefs: "d a\nf c",
		},
		{
			Name:      "a size hides extension headers",
			Layers:    []string{"d a size=1024\nf b pax:uid=7 pax:path=c =b\nf d"},
			OCI:       "d a\nf c =b uid=7\nf d",
			Composefs: "d a\nf b =b\nf d",
		},
		{
			Name:      "a size takes one of the zero blocks at the end",
			Layers:    []string{"f x\nd a size=512"},
			OCI:       "d a\nf x",
			Composefs: `error: layer 1 (1.tar): composefs-rs refuses this: the archive ends after one zero block instead of two`,
		},
		{
			Name:   "a size takes the zero blocks at the end",
			Layers: []string{"f x\nd a size=1024"},
			OCI:    "d a\nf x",
		},
		{
			Name:      "a size that leads out of the archive",
			Layers:    []string{"f x\nd a size=9223372036854775807"},
			OCI:       "d a\nf x",
			Composefs: `error: layer 1 (1.tar), entry 2 "a": composefs-rs refuses this: the 9223372036854774272 bytes behind the header are taken`,
		},
		{
			Name:      "a size of a whiteout",
			Layers:    []string{"f x\nf y\nf z", "d .wh.x size=1024\nf .wh.y\nf a\nf .wh.z"},
			OCI:       "f a",
			Composefs: "f y",
		},
		{
			Name:      "a PAX key that is not UTF-8",
			Layers:    []string{`f a pax:"SCHILY.xattr.user.\xff=1"`},
			OCI:       "f a user.\xff=\"1\"",
			Composefs: `error: layer 1 (1.tar), entry 1 "a": composefs-rs refuses this: the key of a PAX record is not UTF-8`,
		},
		{
			Name:      "several PAX mtimes",
			Layers:    []string{"f a pax:mtime=1.5 pax:mtime=200.7\nd d pax:mtime=1 pax:mtime=200.7\nf d/b pax:mtime=1.1 pax:mtime=2.2 pax:mtime=3\nh c ->a"},
			OCI:       "f a mtime=200 nsec=700000000\nh c ->a\nd d mtime=200 nsec=700000000\nf d/b mtime=3",
			Composefs: "f a mtime=200 nsec=500000000\nh c ->a\nd d mtime=200\nf d/b mtime=3 nsec=100000000",
		},
		{
			Name:      "PAX numbers that are none, and are overridden",
			Layers:    []string{"f a pax:uid=x pax:uid=5"},
			OCI:       "f a uid=5",
			Composefs: `error: layer 1 (1.tar), entry 1 "a": composefs-rs refuses this: a PAX record that a later one overrides is no number`,
		},
	}
}
