package rewrite

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/engine"
	"cfsverify/importers/layer"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/reading"
	"cfsverify/testdata/trees"
)

// repairedLayers gives the repaired layers, read again, and their archives.
func repairedLayers(t testing.TB, from []*layer.Entries) (again []*layer.Entries, archives [][]byte, r *layerRepairer, steps [][]RepairStep) {
	t.Helper()
	r = newLayerRepairer()
	for i, layer := range from {
		tree, done, err := r.next(layer)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := tarfile.Write(&out, tree, tarfile.Options{Layer: true, NoGlobalHeader: true}); err != nil {
			t.Fatal(err)
		}
		l, err := reading.Layer(out.Bytes(), i+1)
		if err != nil {
			t.Fatal(err)
		}
		again, archives, steps = append(again, l), append(archives, out.Bytes()), append(steps, done)
	}
	return again, archives, r, steps
}

// shown is a tree as all engines could show it, apart from the root.
func shown(tree *canon.Tree) string {
	tree = tree.Clone()
	tree.Root.Perm, tree.RootOrigin = 0, nil
	for e := range tree.Dirents() {
		n := e.Node
		if n.Kind == canon.Symlink {
			n.Perm = 0o777
		}
		if n.Mtime.Sec < 0 {
			n.Mtime = canon.Time{}
		}
		if n.Mtime.Sec > 9223372036 || n.Mtime == (canon.Time{Sec: 9223372036, Nsec: 854775808}) {
			n.Mtime = canon.Time{Sec: 9223372036}
		}
		n.Xattrs = slices.DeleteFunc(n.Xattrs.Clone(), func(x canon.Xattr) bool { return slices.Contains(lostXattrs, x.Name) })
		for i := range n.Xattrs {
			if v := n.Xattrs[i].Value; strings.HasPrefix(v, "\x01\x00\x00\x03") && strings.HasSuffix(v, "\x00\x00\x00\x00") {
				n.Xattrs[i].Value = "\x01\x00\x00\x02" + v[4:20]
			}
		}
		keepACLs(n)
		if n.Kind == canon.Symlink || n.Kind == canon.FIFO {
			n.Xattrs = slices.DeleteFunc(n.Xattrs, func(x canon.Xattr) bool { return strings.HasPrefix(x.Name, "user.") })
		}
	}
	_, below, _ := strings.Cut("\n"+trees.ExplicitText(tree), "\nd /")
	if _, rest, found := strings.Cut(below, "\n"); found {
		return rest
	}
	return trees.ExplicitText(tree)
}

// keepACLs does what repair does to ACLs. TestACLs asks the kernel what it makes of
// them.
func keepACLs(n *canon.Node) {
	for _, name := range []string{linux.AccessACL, linux.DefaultACL} {
		set := canon.Node{Kind: n.Kind, Perm: n.Perm}
		value, _ := n.Xattrs.Get(name)
		isMisplaced := n.Kind == canon.Symlink || n.Kind != canon.Directory && name == linux.DefaultACL
		if err := linux.SetACL(&set, name, value); err == nil || value == "" || isMisplaced {
			n.Perm = set.Perm
			n.Xattrs.Remove(name)
			for _, x := range set.Xattrs {
				n.Xattrs.Set(x.Name, x.Value)
			}
		}
	}
}

// lostXattrs are those of testdata/layers that some engine does not set or show.
var lostXattrs = []string{
	"a", "other.a", "security.", "security.selinux", "system.other", "system.richacl", "trusted.", "user", "user.", "user.empty",
	"trusted.overlay.impure", "trusted.overlay.nlink", "trusted.overlay.opaque", "trusted.overlay.origin",
	"trusted.overlay.other", "trusted.overlay.protattr", "trusted.overlay.redirect", "trusted.overlay.upper",
}

// undecided are images of testdata/layers that engines unpack otherwise even
// after a repair, and why.
var undecided = map[string]string{
	"whiteout-device":             "nobody knows what a character device 0:0 is to be",
	"owners-of-more-than-32-bits": "the owner 4294967295 cannot be set, and nobody knows another one",
	"capability-that-is-none":     "nobody knows which capability it is to be",
	"acl-default":                 "what is in a directory with a default ACL inherits it in containers-storage",
	"acl-that-goes":               "what is in a directory with a default ACL inherits it in containers-storage",
}

// isUndecided is for what is in undecided, and ACLs that are none.
func isUndecided(image string) bool {
	return undecided[image] != "" || strings.HasPrefix(image, "acl-refused-")
}

// TestRepairedLayers: repaired layers give the tree of the layers by both sets of
// rules, engines unpack them as they say, and repaired again they stay the same.
func TestRepairedLayers(t *testing.T) {
	images := layers.Hostile()
	for seed := range uint64(3000) {
		images = append(images, layers.Random(seed))
	}
	count := 0
	for _, image := range images {
		t.Run(image.Name, func(t *testing.T) {
			from := reading.Layers(t, image.Layers...)
			want, err := layer.Apply(from, layer.RulesOCI)
			if err != nil {
				return
			}
			count++
			checkRepaired(t, image.Name, from, want)
			if t.Failed() {
				t.Logf("layers:\n%s", strings.Join(image.Layers, "---\n"))
			}
		})
	}
	if count < 200 {
		t.Errorf("only %d images can be read", count)
	}
}

func checkRepaired(t *testing.T, name string, from []*layer.Entries, want *canon.Tree) {
	repaired, archives, _, _ := repairedLayers(t, from)
	got, err := layer.Apply(repaired, layer.RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shown(want), shown(got)); diff != "" {
		t.Errorf("the layers (-) and the repaired ones (+) differ:\n%s", diff)
	}
	if merged, err := layer.Merge(repaired, layer.RulesOCI); err != nil || merged.Other != nil {
		t.Errorf("composefs-rs makes something else of it: %v, %v", merged, err)
	}
	_, twice, _, _ := repairedLayers(t, repaired)
	for i, again := range twice {
		if !bytes.Equal(again, archives[i]) {
			t.Errorf("layer %d changes when it is repaired again", i+1)
		}
	}
	for _, l := range repaired {
		if slices.ContainsFunc(l.List, func(e layer.Entry) bool { m, _ := layer.MarkerOf(e.Path); return m == layer.Opaque || m == layer.AUFS }) {
			t.Error("there are opaque markers or AUFS names left")
		}
	}
	for _, engine := range engine.Engines() {
		unpacked, err := engine.Unpack(repaired, canon.Time{Sec: 1 << 33, Nsec: 5})
		text := ""
		if err == nil {
			text = belowRoot(unpacked)
		}
		same := err == nil && text == belowRoot(got)
		if !isUndecided(name) && !same {
			t.Errorf("%s: %v, layers -, unpacked +:\n%s", engine.Name, err, cmp.Diff(belowRoot(got), text))
		}
	}
}

// belowRoot is a tree without its root.
func belowRoot(tree *canon.Tree) string {
	text := trees.ExplicitText(tree)
	if first, rest, _ := strings.Cut(text, "\n"); strings.HasPrefix(first, "d /") {
		return rest
	}
	return text
}

func TestUndecidedIsNeeded(t *testing.T) {
	for _, image := range layers.Hostile() {
		if !isUndecided(image.Name) {
			continue
		}
		repaired, _, _, _ := repairedLayers(t, reading.Layers(t, image.Layers...))
		got, err := layer.Apply(repaired, layer.RulesOCI)
		if err != nil {
			t.Fatal(err)
		}
		differs := false
		for _, engine := range engine.Engines() {
			unpacked, err := engine.Unpack(repaired, canon.Time{Sec: 1 << 33, Nsec: 5})
			differs = differs || err != nil || belowRoot(unpacked) != belowRoot(got)
		}
		if !differs {
			t.Errorf("%s is unpacked as its layers say", image.Name)
		}
	}
}

func TestRepairSteps(t *testing.T) {
	lower := "d usr uid=3 mode=711 mtime=5\nd usr/share uid=4 mtime=6\nf usr/a =a\nf usr/b =b\nd old\nd old/d\nf old/d/x\nf x =x\nh y ->x"
	for _, c := range []struct {
		name, layer, want string
		steps             []RepairStep
	}{
		{"parents", "f usr/share/new\nf new/a/b", "d / uid=3 mtime=5 mode=711\nd new\nd new/a\nf new/a/b\nd usr uid=3 mtime=5 mode=711\nd usr/share uid=4 mtime=6\nf usr/share/new",
			[]RepairStep{{Kind: RootEntry, Count: 1}, {Kind: ParentEntries, Count: 4}, {Kind: Order, Count: 1}}},
		{"an opaque directory", "d / mode=700\nd old mtime=9\nf old/.wh..wh..opq\nd old/d mtime=8\nf old/d/y", "d / mode=700\nd old mtime=9\nd old/d mtime=8\nf old/d/.wh.x\nf old/d/y",
			[]RepairStep{{Kind: OpaqueMarkers, Count: 1}}},
		{"an opaque root", "d / mode=700\nf .wh..wh..opq\nd usr", "d / mode=700\nf .wh.old\nf .wh.x\nf .wh.y\nd usr\nf usr/.wh.a\nf usr/.wh.b\nf usr/.wh.share",
			[]RepairStep{{Kind: OpaqueMarkers, Count: 1}}},
		{"whiteouts", "d / mode=700\nf .wh.none\nf .wh.old\nd old\nf .wh.x\nf .wh.x\nf gone/.wh.y", "d / mode=700\nf .wh.x\nd gone\nd old\nf old/.wh.d",
			[]RepairStep{{Kind: ParentEntries, Count: 1}, {Kind: OtherWhiteouts, Count: 3}, {Kind: RepeatedNames, Count: 1}, {Kind: Order, Count: 1}}},
		{"AUFS and repetitions", "d / mode=700\nf .wh..wh.aufs\nf a =1\nf a =2", "d / mode=700\nf a =2",
			[]RepairStep{{Kind: AUFSNames, Count: 1}, {Kind: RepeatedNames, Count: 1}}},
		{"a link out of the layer", "d / mode=700\nh z ->x", "d / mode=700\nf x =x\nh y ->x\nh z ->x",
			[]RepairStep{{Kind: LinkedNames, Count: 2}}},
		{"a path through what is no directory", "d / mode=700\nf usr/a/c\nf x/d/e", "d / mode=700\nd usr uid=3 mtime=5 mode=711\nd usr/a\nf usr/a/c\nd x\nd x/d\nf x/d/e",
			[]RepairStep{{Kind: ParentEntries, Count: 2}, {Kind: ReplacedParents, Count: 2, First: "/usr/a"}}},
		{"nothing", "d / mode=700\nf x =1\nd y\nf y/a\nf y-b", "d / mode=700\nf x =1\nd y\nf y/a\nf y-b", nil},
	} {
		repaired, _, _, steps := repairedLayers(t, reading.Layers(t, lower, c.layer))
		var entries []string
		for _, e := range repaired[1].List {
			entries = append(entries, "/"+e.Path)
		}
		r := newLayerRepairer()
		if _, _, err := r.next(reading.Layers(t, lower)[0]); err != nil {
			t.Fatal(err)
		}
		tree, _, err := r.next(reading.Layers(t, lower, c.layer)[1])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(trees.Lines(c.want), trees.ExplicitText(tree)); diff != "" {
			t.Errorf("%s: want -, got +\n%s\n%q", c.name, diff, entries)
		}
		if diff := cmp.Diff(c.steps, steps[1]); diff != "" {
			t.Errorf("%s: want -, got +\n%s", c.name, diff)
		}
	}
}

func TestRepairACLs(t *testing.T) {
	spec := "f a mode=664 " + layers.ACL("access", "u=6 g=4 m=6 o=4") + "\nf b mode=600 " + layers.ACL("access", "u=6 g=4 m=6 o=4") +
		"\nf c mode=640 " + layers.ACL("access", "u=6 g=4 o=0") + "\nf d mode=600 " + layers.ACL("access", "u=6 g=4 o=0") + "\nd e " + layers.ACL("default", "u=6 g=4 o=0") +
		"\nf f mode=664 " + layers.ACL("access", "u:0=6 g=4 m=6 o=4") + "\nf g " + layers.ACL("access", "") + "\nl h ->x " + layers.ACL("access", "u=6 g=4 o=0") + "\nf i " + layers.ACL("access", "u=6")
	_, _, r, _ := repairedLayers(t, reading.Layers(t, spec))
	want := []RepairStep{
		{Kind: ACLModes, Count: 2, First: "/b"}, {Kind: MinimalACLs, Count: 2, First: "/c"},
		{Kind: ACLForms, Count: 1, First: "/f"}, {Kind: LostXattrs, Count: 2, First: "/g"},
	}
	if diff := cmp.Diff(want, r.changes); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestRepairChanges(t *testing.T) {
	spec := "d usr pax:SCHILY.xattr.security.selinux=s\nl usr/l ->x mode=600\nl usr/m ->x\nh usr/n ->usr/l\nf old mtime=-1\nf older pax:mtime=-1.5\nf epoch\n" +
		"f last pax:mtime=9223372036.854775807\nf late pax:mtime=9223372036.854775808\nf latest mtime=9223372036854775806\n" +
		`f v2 pax:"SCHILY.xattr.security.capability=\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"` + "\n" +
		`f v3 pax:"SCHILY.xattr.security.capability=\x01\x00\x00\x03\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"` + "\n" +
		`f v3user pax:"SCHILY.xattr.security.capability=\x01\x00\x00\x03\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"` + "\n" +
		"f none pax:SCHILY.xattr.security.capability=x\nf x pax:SCHILY.xattr.user.a=1 pax:SCHILY.xattr.user.b= pax:SCHILY.xattr.user.overlay.redirect=y pax:SCHILY.xattr.security.selinux=s\n" +
		"p p pax:SCHILY.xattr.user.a=1 pax:SCHILY.xattr.trusted.a=1"
	_, _, r, _ := repairedLayers(t, reading.Layers(t, "l hidden ->x mode=0", "f .wh.hidden\n"+spec))
	want := []RepairStep{
		{Kind: LateTimes, Count: 2, First: "/late"},
		{Kind: OldTimes, Count: 2, First: "/old"},
		{Kind: LostXattrs, Count: 5, First: "/p"},
		{Kind: SymlinkModes, Count: 1, First: "/usr/l"},
		{Kind: UserCapabilities, Count: 1, First: "/v3"},
	}
	if diff := cmp.Diff(want, r.changes); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if len(r.lower.Root.Xattrs) > 0 {
		t.Errorf("the root has %v", r.lower.Root.Xattrs)
	}
	for path, mtime := range map[string]canon.Time{
		"/old": {}, "/older": {}, "/last": {Sec: 9223372036, Nsec: 854775807}, "/late": {Sec: 9223372036}, "/latest": {Sec: 9223372036},
	} {
		if got := r.lower.Lookup(path).Node.Mtime; got != mtime {
			t.Errorf("%s has the mtime %v", path, got)
		}
	}
}

// TestRepairOfLongNames: a name that no whiteout can hide is an error.
func TestRepairOfLongNames(t *testing.T) {
	for length, fits := range map[int]bool{251: true, 252: false} {
		name := strings.Repeat("n", length)
		r := newLayerRepairer()
		var err error
		for _, layer := range reading.Layers(t, "d usr\nf usr/x pax:path=usr/"+name, "d usr\nf usr/.wh..wh..opq") {
			if err == nil {
				_, _, err = r.next(layer)
			}
		}
		want := `layer 2 (2.tar): the layer hides "/usr/` + name + `", and the name of a whiteout for that would be too long`
		if fits && err != nil || !fits && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

// FuzzRepair repairs a layer of any bytes on another one.
func FuzzRepair(f *testing.F) {
	lower := "d usr mtime=1 uid=2\nf usr/a =a\nh b ->usr/a\nd c mode=700\nd c/d\nf c/d/e =e\nl l ->c"
	for _, c := range layers.ApplyCases() {
		f.Add(layers.Tar(strings.Join(c.Layers, "\n")))
	}
	for _, image := range layers.Hostile() {
		f.Add(layers.Tar(strings.Join(image.Layers, "\n")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		archive := bytes.Clone(data)
		layers.ResumAll(archive)
		upper, err := reading.Layer(archive, 2)
		// There is nothing that keeps larger content.
		if err != nil || slices.ContainsFunc(upper.List, func(e layer.Entry) bool { return e.Node.Size > canon.InlineMax }) {
			return
		}
		from := []*layer.Entries{reading.Layers(t, lower)[0], upper}
		want, err := layer.Apply(from, layer.RulesOCI)
		if err != nil {
			return
		}
		repaired, archives, _, _ := repairedLayers(t, from)
		got, err := layer.Apply(repaired, layer.RulesOCI)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(names(want), names(got)); diff != "" {
			t.Errorf("the layers (-) and the repaired ones (+) differ:\n%s", diff)
		}
		merged, err := layer.Merge(repaired, layer.RulesOCI)
		if err != nil {
			t.Fatal(err)
		}
		if other := merged.Other; other != nil && (other.Err == nil || !strings.Contains(other.Err.Error(), "the key of a PAX record is not UTF-8")) {
			t.Errorf("composefs-rs makes something else of it: %v, %v", other.Events, other.Err)
		}
		_, twice, _, _ := repairedLayers(t, repaired)
		for i := range twice {
			if !bytes.Equal(twice[i], archives[i]) {
				t.Errorf("layer %d changes when it is repaired again", i+1)
			}
		}
	})
}

// names are what a tree has apart from what repair may change of an inode.
func names(tree *canon.Tree) string {
	tree = tree.Clone()
	tree.Root.Perm, tree.RootOrigin, tree.Root.UID, tree.Root.GID = 0, nil, 0, 0
	for e := range tree.Dirents() {
		if e.Node.Kind == canon.Symlink {
			e.Node.Perm = 0
		}
		keepACLs(e.Node)
		e.Node.Mtime, e.Node.Xattrs = canon.Time{}, nil
	}
	return trees.ExplicitText(tree)
}
