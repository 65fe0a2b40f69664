package blame

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/compare"
	"cfsverify/testdata/trees"
)

// layered makes every entry of a tree come from a layer, by a tar entry of its
// own.
func layered(t *canon.Tree, layer *canon.Layer) *canon.Tree {
	entry := int32(0)
	for e := range t.Dirents() {
		entry++
		e.Origin = &canon.Origin{Layer: layer, Entry: entry, Header: &canon.Header{Typeflag: '0', Mode: int64(e.Node.Perm), Mtime: e.Node.Mtime}}
	}
	return t
}

// dated gives entries different times, the newest being 1000.
func dated(t *canon.Tree) *canon.Tree {
	sec := int64(900)
	for e := range t.Dirents() {
		e.Node.Mtime = canon.Time{Sec: sec}
		sec += 10
	}
	t.Root.Child("tty").Node.Mtime.Sec = 1000
	return t
}

// TestRules are on trees made by hand: what tools do not make here, and what
// looks like a cause and is not.
func TestRules(t *testing.T) {
	layer := &canon.Layer{Index: 1, Name: "l"}
	node := func(path string, change func(*canon.Node)) func(in, out *canon.Tree) {
		return func(in, out *canon.Tree) { change(in.Lookup(path).Node) }
	}
	put := func(t *canon.Tree, name string, n *canon.Node) { t.Root.Put(canon.Dirent{Name: name, Node: n}) }
	for name, tt := range map[string]struct {
		change func(in, out *canon.Tree)
		want   []string
	}{
		"nothing": {func(in, out *canon.Tree) {}, nil},

		"half a second rounded up": {func(in, out *canon.Tree) {
			in.Lookup("/empty").Node.Mtime = canon.Time{Sec: out.Lookup("/empty").Node.Mtime.Sec - 1, Nsec: 500_000_000}
		}, []string{"rounded-mtime /empty mtime mtime-nsec"}},
		"less than half is not round": {func(in, out *canon.Tree) {
			in.Lookup("/empty").Node.Mtime = canon.Time{Sec: out.Lookup("/empty").Node.Mtime.Sec - 1, Nsec: 499_999_999}
		}, []string{"unexplained /empty mtime mtime-nsec"}},
		"before 1970 made 0": {func(in, out *canon.Tree) {
			out.Lookup("/empty").Node.Mtime.Sec, in.Lookup("/empty").Node.Mtime.Sec = -5, 0
		}, []string{"mtime-range /empty mtime"}},
		"beyond 2038 made that": {func(in, out *canon.Tree) {
			out.Lookup("/empty").Node.Mtime.Sec, in.Lookup("/empty").Node.Mtime.Sec = 1<<31, 1<<31-1
		}, []string{"mtime-range /empty mtime"}},
		"0 of a sane time": {node("/empty", func(n *canon.Node) { n.Mtime.Sec = 0 }), []string{"unexplained /empty mtime"}},
		"directories of the future, in one hour": {func(in, out *canon.Tree) {
			out.Lookup("/tty").Node.Mtime.Sec, in.Lookup("/tty").Node.Mtime.Sec = 9e9, 9e9
			for i, name := range []string{"x", "y", "z"} {
				put(in, name, &canon.Node{Kind: canon.Directory, Mtime: canon.Time{Sec: 5000 + int64(i), Nsec: 7}})
				put(out, name, &canon.Node{Kind: canon.Directory, Mtime: canon.Time{Sec: 5}})
			}
		}, []string{"unpack-time-mtime /x mtime mtime-nsec", "unpack-time-mtime /y mtime mtime-nsec", "unpack-time-mtime /z mtime mtime-nsec"}},
		"two directories are no cluster": {func(in, out *canon.Tree) {
			out.Lookup("/tty").Node.Mtime.Sec, in.Lookup("/tty").Node.Mtime.Sec = 9e9, 9e9
			for _, name := range []string{"x", "y"} {
				put(in, name, &canon.Node{Kind: canon.Directory, Mtime: canon.Time{Sec: 5000, Nsec: 7}})
				put(out, name, &canon.Node{Kind: canon.Directory, Mtime: canon.Time{Sec: 5}})
			}
		}, []string{"unexplained /x mtime mtime-nsec", "unexplained /y mtime mtime-nsec"}},

		"owners by name": {func(in, out *canon.Tree) {
			for _, p := range []string{"/empty", "/tty"} {
				in.Lookup(p).Node.GID, out.Lookup(p).Node.GID = 42, 5
			}
		}, []string{"owner-by-name /empty gid", "owner-by-name /tty gid"}},
		"one owner of one entry": {func(in, out *canon.Tree) {
			in.Lookup("/empty").Node.GID, out.Lookup("/empty").Node.GID = 42, 5
		}, []string{"unexplained /empty gid"}},
		"an owner that differs here and there": {func(in, out *canon.Tree) {
			for _, p := range []string{"/empty", "/tty", "/symlink"} {
				in.Lookup(p).Node.GID, out.Lookup(p).Node.GID = 42, 5
			}
			in.Lookup("/symlink").Node.GID = 5
		}, []string{"unexplained /empty gid", "unexplained /tty gid"}},
		"everything owned by the user": {func(in, out *canon.Tree) {
			for e := range in.Dirents() {
				e.Node.UID = 1000
			}
		}, []string{"id-mapping / uid", "id-mapping /attr uid", "id-mapping /dir uid", "id-mapping /dir/file uid", "id-mapping /dir/large uid", "id-mapping /dir/link uid", "id-mapping /empty uid", "id-mapping /symlink uid", "id-mapping /tty uid"}},
		"no owner":               {func(in, out *canon.Tree) { out.Lookup("/empty").Node.UID = 1<<32 - 1 }, []string{"owner-range /empty uid"}},
		"one mode without a bit": {node("/dir", func(n *canon.Node) { n.Perm = 0o750 }), []string{"unexplained /dir mode"}},

		"another normal form": {func(in, out *canon.Tree) {
			put(in, "e\u0301", &canon.Node{Kind: canon.Regular})
			put(out, "\u00e9", &canon.Node{Kind: canon.Regular})
		}, []string{"name-encoding /e\u0301", "name-encoding /\u00e9"}},
		"bytes that are not UTF-8": {func(in, out *canon.Tree) {
			put(in, "caf??", &canon.Node{Kind: canon.Regular})
			put(out, "caf\xe9\xe8", &canon.Node{Kind: canon.Regular})
		}, []string{"name-encoding /caf??", "name-encoding /caf\xe9\xe8"}},
		"other names": {func(in, out *canon.Tree) {
			put(in, "one", &canon.Node{Kind: canon.Regular})
			put(out, "two", &canon.Node{Kind: canon.Regular})
		}, []string{"unexplained /one", "unexplained /two"}},
		"the same name folded, of another type": {func(in, out *canon.Tree) {
			put(in, "A", &canon.Node{Kind: canon.FIFO})
			put(out, "a", &canon.Node{Kind: canon.Directory})
		}, []string{"unexplained /A", "unexplained /a"}},

		"an empty xattr":                {func(in, out *canon.Tree) { out.Lookup("/empty").Node.Xattrs.Set("user.x", "") }, []string{"xattr-encoding /empty xattruser.x"}},
		"a whiteout by device":          {func(in, out *canon.Tree) { put(out, "gone", &canon.Node{Kind: canon.CharDevice}) }, []string{"whiteout-device /gone"}},
		"device without a node":         {func(in, out *canon.Tree) { put(out, "disk", &canon.Node{Kind: canon.BlockDevice, Rdev: 0x800}) }, []string{"device-missing /disk"}},
		"device that only the scan has": {func(in, out *canon.Tree) { put(in, "disk", &canon.Node{Kind: canon.BlockDevice, Rdev: 0x800}) }, []string{"unexplained /disk"}},
		"other device number":           {node("/tty", func(n *canon.Node) { n.Rdev = 0x502 }), []string{"unexplained /tty rdev"}},
		"duplicates: the first one": {func(in, out *canon.Tree) {
			first := *out.Lookup("/empty").Node
			first.Perm = 0o751
			out.Superseded = []canon.Superseded{{Path: "/empty", Dirent: canon.Dirent{Node: &first, Origin: &canon.Origin{Layer: layer, Entry: 99}}}}
			in.Lookup("/empty").Node.Perm = 0o751
		}, []string{"duplicate-entry /empty mode"}},
		"duplicates: neither": {func(in, out *canon.Tree) {
			first := *out.Lookup("/empty").Node
			out.Superseded = []canon.Superseded{{Path: "/empty", Dirent: canon.Dirent{Node: &first, Origin: &canon.Origin{Layer: layer, Entry: 99}}}}
			in.Lookup("/empty").Node.Perm = 0o751
		}, []string{"unexplained /empty mode"}},
		"hidden by a marker, and there": {func(in, out *canon.Tree) {
			put(in, "old", &canon.Node{Kind: canon.FIFO})
			out.Markers = []canon.Marker{{Path: "/old", Origin: &canon.Origin{Layer: &canon.Layer{Index: 2}, Entry: 1}}}
		}, []string{"whiteout-ignored /old"}},
		"a marker for another name": {func(in, out *canon.Tree) {
			put(in, "old", &canon.Node{Kind: canon.FIFO})
			out.Markers = []canon.Marker{{Path: "/ol", Origin: &canon.Origin{Layer: &canon.Layer{Index: 2}, Entry: 1}}}
		}, []string{"unexplained /old"}},
		"removed by the marker of its own layer": {func(in, out *canon.Tree) {
			in.Root.Child("dir").Node.Remove("large")
			out.Markers = []canon.Marker{{Path: "/dir", Opaque: true, Origin: &canon.Origin{Layer: layer, Entry: 1}}}
		}, []string{"opaque-order /dir/large"}},
		"a marker of another layer": {func(in, out *canon.Tree) {
			in.Root.Child("dir").Node.Remove("large")
			out.Markers = []canon.Marker{{Path: "/dir", Opaque: true, Origin: &canon.Origin{Layer: &canon.Layer{Index: 2}, Entry: 1}}}
		}, []string{"unexplained /dir/large"}},
		"a directory that its layer implies": {func(in, out *canon.Tree) {
			out.Lookup("/dir").Origin.ImpliedBy = &canon.Origin{Layer: &canon.Layer{Index: 2}, Entry: 7}
			n := in.Lookup("/dir").Node
			out.Lookup("/dir").Node.Perm, n.Mtime.Sec = 0o700, 5000
		}, []string{"implicit-parent /dir mode mtime"}},
		"implied, but with another mode than engines give": {func(in, out *canon.Tree) {
			out.Lookup("/dir").Origin.ImpliedBy = &canon.Origin{Layer: &canon.Layer{Index: 2}, Entry: 7}
			in.Lookup("/dir").Node.Perm = 0o777
		}, []string{"unexplained /dir mode"}},
		"a stub that is older than the layers": {func(in, out *canon.Tree) { put(in, "cache", &canon.Node{Kind: canon.Directory, Perm: 0o755}) }, []string{"unexplained /cache"}},
		"an empty file that nobody mounts on": {func(in, out *canon.Tree) {
			put(in, "new", &canon.Node{Kind: canon.Regular, Perm: 0o644, Mtime: canon.Time{Sec: 5000}})
		}, []string{"unexplained /new"}},
	} {
		t.Run(name, func(t *testing.T) {
			in, out := dated(trees.Sample()), layered(dated(trees.Sample()), layer)
			tt.change(in, out)
			for e := range out.Dirents() {
				if e.Origin == nil {
					e.Origin = &canon.Origin{Layer: layer, Entry: 50}
				}
			}
			in.CountLinks()
			out.CountLinks()
			got := explained(t, in, out)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			// Which side is which does not matter.
			if diff := cmp.Diff(got, explained(t, out, in)); diff != "" {
				t.Errorf("the other way round:\n%s", diff)
			}
		})
	}
}

// TestForms: what dump files say in several ways.
func TestForms(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*canon.Tree)
		want   []string
	}{
		"content outside the image": {func(t *canon.Tree) {
			n := t.Lookup("/dir/file").Node
			n.Content = &canon.Content{Digest: trees.Large()}
		}, []string{"content-change /dir/file content storage", "content-change /dir/link content storage"}},
		"link count": {func(t *canon.Tree) { t.Lookup("/empty").Node.Nlink = 7 }, []string{"dump-form /empty nlink"}},
		"object path": {func(t *canon.Tree) {
			n := t.Lookup("/dir/large").Node
			c := &canon.Content{Digest: trees.Large()}
			c.SetPayload("elsewhere")
			n.Content = c
		}, []string{"dump-form /dir/large payload"}},
		"another name is the inode's place": {func(t *canon.Tree) { t.Root.Child("dir").Node.Child("file").Hardlink = true }, []string{"dump-form /dir/file hardlinks", "dump-form /dir/link hardlinks"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := trees.Sample(), trees.Sample()
			tt.change(a)
			if diff := cmp.Diff(tt.want, explained(t, a, b)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestInlineLimit: the same content in and outside of the image.
func TestInlineLimit(t *testing.T) {
	a, b := trees.Sample(), trees.Sample()
	content := make([]byte, 100)
	a.Lookup("/dir/large").Node.Content = &canon.Content{Inline: content}
	want := []string{"inline-limit /dir/large storage"}
	if diff := cmp.Diff(want, explained(t, a, b)); diff != "" {
		t.Error(diff)
	}
}

// TestRootEvidence: which rule gave the root its mtime.
func TestRootEvidence(t *testing.T) {
	layer := &canon.Layer{Index: 1}
	for want, sec := range map[string]int64{"is that of /usr": 100, "the newest of all entries": 1000, "whiteouts and what they hide included": 2000, "": 77} {
		in, out := dated(trees.Rootfs()), layered(dated(trees.Rootfs()), layer)
		for _, tree := range []*canon.Tree{in, out} {
			tree.Lookup("/usr").Node.Mtime.Sec = 100
		}
		out.RootOrigin, out.NewestEntry = nil, canon.Time{Sec: 2000}
		in.Root.Mtime.Sec = sec
		findings := Explain(Comparison{A: in, B: out, NameA: "inside", NameB: "outside", Differences: compare.Trees(in, out), Policy: policy.Raw()})
		if len(findings) != 1 || findings[0].Cause != RootMetadata {
			t.Fatalf("%q", findingLines(findings))
		}
		text := ""
		for _, e := range findings[0].Evidence {
			text += e.Text + "\n"
		}
		if want == "" && strings.Count(text, "\n") != 1 || !strings.Contains(text, want) {
			t.Errorf("%d: evidence %q, want %q", sec, text, want)
		}
	}
}
