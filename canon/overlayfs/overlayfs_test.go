package overlayfs

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/importers/layer"
	"cfsverify/testdata/reading"
	"cfsverify/testdata/trees"
)

// layerTrees are directories that hold what the entries of archives say, whiteouts as
// files: the topmost first.
func layerTrees(t *testing.T, specs ...string) []*canon.Node {
	t.Helper()
	var roots []*canon.Node
	for _, entries := range reading.Layers(t, specs...) {
		tree := canon.NewTree()
		for _, e := range entries.List {
			dir, base := layer.SplitPath(e.Path)
			n := e.Node
			if e.IsHardlink() {
				n = tree.Lookup(e.Node.Target).Node
			}
			if base == "" {
				tree.Root = n
				continue
			}
			tree.Lookup(dir).Node.Put(canon.Dirent{Name: base, Node: n})
		}
		roots = append(roots, tree.Root)
	}
	return roots
}

const x = " pax:SCHILY.xattr."

// mergeCases are proven against mounts in importers/overlay: here are those that show
// which rule is which.
var mergeCases = []struct {
	name   string
	rules  Rules
	layers []string
	want   string
	err    error
}{
	{"metadata of the topmost", Rules{}, []string{"d / mode=700\nd a uid=1\nf a/x =1", "d / mode=711\nd a uid=2\nf a/x =2\nf a/y =3"},
		"d / mode=700\nd a uid=1\nf a/x =1\nf a/y =3", nil},
	{"whiteouts", Rules{}, []string{"c a dev=0,0\nd b\nc b/x dev=0,0", "f a\nd b\nf b/x\nf b/y"}, "d b\nf b/y", nil},
	{"a whiteout that is listed", Rules{}, []string{"d a\nc a/x dev=0,0", "f b"}, "/a/x", ErrWhiteout},
	{"opaque", Rules{}, []string{"d a" + x + "trusted.overlay.opaque=y", "d a\nf a/x"}, "d a", nil},
	{"opaque for users", Rules{UserXattrs: true}, []string{"d a" + x + "user.overlay.opaque=y" + x + "trusted.overlay.b=c", "d a\nf a/x"}, `d a trusted.overlay.b="c"`, nil},
	{"redirect", Rules{}, []string{"d a" + x + "trusted.overlay.redirect=/b/c\nc b dev=0,0", "d b\nd b/c\nf b/c/x"}, "d a\nf a/x", nil},
	{"redirect for users", Rules{UserXattrs: true}, []string{"d a" + x + "user.overlay.redirect=b", "f x"}, "/a", ErrRedirectOff},
	{"redirect to nothing", Rules{}, []string{"d a" + x + "trusted.overlay.redirect=a//b", "f x"}, "/a", ErrRedirect},
	{"metadata alone", Rules{Metacopy: true}, []string{"f a =12" + x + "trusted.overlay.metacopy=0000", "f a =34 uid=1"}, "f a =12", nil},
	{"metadata alone, not allowed", Rules{}, []string{"f a =12" + x + "trusted.overlay.metacopy=0000", "f a =34 uid=1"}, "/a", ErrMetacopyOff},
	{"metadata without content", Rules{Metacopy: true}, []string{"d d\nf d/a =12" + x + "trusted.overlay.metacopy=0000", "f b"}, "/d/a", ErrNoData},
	{"escaped xattrs", Rules{}, []string{"f a" + x + "trusted.overlay.overlay.b=1" + x + "trusted.overlay.c=2\nh b ->a"}, `f a trusted.overlay.b="1"` + "\nh b ->a", nil},

	{"whiteouts of fuse-overlayfs", Rules{Fuse: true}, []string{"f .wh.a\nd b\nf b/.wh.x\nd c\nf c/.wh..wh..opq\nf .wh.", "f a\nd b\nf b/y\nd c\nf c/x"}, "d b\nf b/y\nd c", nil},
	{"an opaque root", Rules{Fuse: true}, []string{"f a\nf .wh..wh..opq", "f b"}, "f a", nil},
	{"an opaque root to the kernel", Rules{}, []string{"d /" + x + "trusted.overlay.opaque=y\nf a", "f b"}, "d /\nf a\nf b", nil},
	{"owners and modes", Rules{Fuse: true}, []string{
		"d /" + x + "user.containers.override_stat=1:2:0700\nf a" + x + "user.containers.override_stat=3:4:04755" + x + "user.overlay.x=y\n" +
			"f b =12" + x + "user.containers.override_stat=5:6:0600:char-7-8\nl c ->d" + x + "trusted.x=y\nf e" + x + "user.containers.override_security.capability=x",
		"f f" + x + "user.containers.override_stat=9:9:0"},
		`d / uid=1 gid=2 mode=700 user.containers.override_stat="1:2:0700"` + "\n" +
			`f a uid=3 gid=4 mode=4755 user.containers.override_stat="3:4:04755"` + "\n" +
			`c b dev=7,8 uid=5 gid=6 mode=600 user.containers.override_stat="5:6:0600:char-7-8"` + "\n" +
			`l c ->d trusted.x="y"` + "\n" + `f e security.capability="x"` + "\n" + `f f user.containers.override_stat="9:9:0"`, nil},
}

func TestMerge(t *testing.T) {
	for _, c := range mergeCases {
		t.Run(c.name, func(t *testing.T) {
			roots := layerTrees(t, c.layers...)
			view, err := c.rules.Merge(roots)
			var refused *Error
			switch {
			case c.err != nil:
				if !errors.As(err, &refused) || !errors.Is(err, c.err) || refused.Path != c.want || refused.Layer != 0 || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v", err)
				}
			case err != nil:
				t.Error(err)
			default:
				if got, want := trees.Text(&canon.Tree{Root: view.Root}), trees.Lines(c.want); got != want {
					t.Errorf("got\n%swant\n%s", got, want)
				}
			}
		})
	}
}

func TestMergeContents(t *testing.T) {
	roots := layerTrees(t, "f a =12"+x+"trusted.overlay.metacopy=0000", "f a =23"+x+"trusted.overlay.metacopy=0000", "f a =34", "f a =45")
	data := roots[2].Child("a").Node
	view, err := Rules{Metacopy: true}.Merge(roots)
	if err != nil {
		t.Fatal(err)
	}
	if got := view.Contents[view.Root.Child("a").Node]; got != data || len(view.Contents) != 1 {
		t.Errorf("the content is that of %+v", got)
	}
}

func TestMergeDamagedOverride(t *testing.T) {
	for value, want := range map[string]string{
		"1:2":           `is not UID:GID:MODE`,
		"1:2:8":         `parsing "8"`,
		"1:2:0:dir":     `makes a directory of a file`,
		"1:2:0:symlink": `makes a symlink of a file`,
	} {
		roots := layerTrees(t, "d /"+x+"user.containers.override_stat=0:0:0\nd d\nf d/a"+x+"user.containers.override_stat="+value)
		_, err := Rules{Fuse: true}.Merge(roots)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"/d/a"`) {
			t.Errorf("%s: error %v, want %s", value, err, want)
		}
	}
	roots := layerTrees(t, "d /"+x+"user.containers.override_stat=x")
	if _, err := (Rules{Fuse: true}).Merge(roots); err == nil || !strings.Contains(err.Error(), `"/"`) {
		t.Errorf("error %v", err)
	}
}

// TestMultiplied: redirects that show a large directory again and again are refused
// before they take all memory.
func TestMultiplied(t *testing.T) {
	upper, lower, big := &canon.Node{Kind: canon.Directory}, &canon.Node{Kind: canon.Directory}, &canon.Node{Kind: canon.Directory}
	lower.Put(canon.Dirent{Name: "big", Node: big})
	for i := range 1000 {
		dir := &canon.Node{Kind: canon.Directory}
		dir.Xattrs.Set("trusted.overlay.redirect", "/big")
		upper.Put(canon.Dirent{Name: fmt.Sprint(i), Node: dir})
		big.Put(canon.Dirent{Name: fmt.Sprint(i), Node: &canon.Node{Kind: canon.Regular}})
	}
	if _, err := (Rules{}).Merge([]*canon.Node{upper, lower}); !errors.Is(err, errMultiplied) {
		t.Errorf("error %v", err)
	}
}

func TestParseOverrideStat(t *testing.T) {
	for value, want := range map[string]OverrideStat{
		"0:0:0755":                    {Perm: 0o755},
		"4294967295:1:7777":           {UID: 4294967295, GID: 1, Perm: 0o7777},
		"0:0:0100644":                 {Perm: 0o644},
		"1:2:0600:file":               {UID: 1, GID: 2, Perm: 0o600, Kind: canon.Regular},
		"1:2:0600:pipe":               {UID: 1, GID: 2, Perm: 0o600, Kind: canon.FIFO},
		"1:2:0600:socket":             {UID: 1, GID: 2, Perm: 0o600, Kind: canon.Socket},
		"1:2:0600:block-4095-1048575": {UID: 1, GID: 2, Perm: 0o600, Kind: canon.BlockDevice, Rdev: 0xffffffff},
		"1:2:0600:char-5-1":           {UID: 1, GID: 2, Perm: 0o600, Kind: canon.CharDevice, Rdev: 0x501},
	} {
		if got, err := ParseOverrideStat(value); err != nil || got != want {
			t.Errorf("%s: %+v, error %v, want %+v", value, got, err, want)
		}
	}
	for _, value := range []string{"", "0:0", "-1:0:0", "0:4294967296:0", "0:0:9", "0:0:1000000", "0:0:0:", "0:0:0:door", "0:0:0:char", "0:0:0:file-1-2",
		"0:0:0:char-1", "0:0:0:char-1-2-3", "0:0:0:block-4096-0", "0:0:0:file:x"} {
		if got, err := ParseOverrideStat(value); err == nil {
			t.Errorf("%q is read as %+v", value, got)
		}
	}
}

func FuzzParseOverrideStat(f *testing.F) {
	for _, value := range []string{"0:0:0755", "1:2:04755:char-1-2", "1:2:0:file"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		stat, err := ParseOverrideStat(value)
		if err != nil {
			if stat != (OverrideStat{}) {
				t.Errorf("%+v beside %v", stat, err)
			}
			return
		}
		text := fmt.Sprintf("%d:%d:0%o", stat.UID, stat.GID, stat.Perm)
		n := canon.Node{Kind: stat.Kind, Rdev: stat.Rdev}
		major, minor := n.Device()
		for name, kind := range overrideKinds {
			if kind == stat.Kind {
				text += ":" + name
			}
		}
		if stat.Kind.IsDevice() {
			text += fmt.Sprintf("-%d-%d", major, minor)
		} else if stat.Rdev != 0 {
			t.Errorf("%q is a device", value)
		}
		if again, err := ParseOverrideStat(text); err != nil || again != stat {
			t.Errorf("%q is read as %+v, written as %q, and read as %+v, error %v", value, stat, text, again, err)
		}
	})
}

// FuzzRedirect has a redirect in each of two layers: whatever they are, the view has no
// more than the layers give.
func FuzzRedirect(f *testing.F) {
	for _, to := range []string{"", "b", "/b/c", "/b/../c", "//", "/d", "..", "b\x00c", "/b/c/"} {
		f.Add(to, "/b")
		f.Add("/b/c", to)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if to, err := ParseRedirect(first); err == nil && (to == "/" || strings.Contains(to, "//") || strings.Contains(to, "\x00") || !strings.HasPrefix(first, to)) {
			t.Errorf("%q leads to %q", first, to)
		}
		roots := layerTrees(t, "d a\nd d\nf d/x", "d b\nd b/c\nf b/c/x\nd d\nd d/e", "d b\nd b/c\nf b/c/y\nd c\nf c/x")
		roots[0].Child("a").Node.Xattrs.Set("trusted.overlay.redirect", first)
		roots[1].Child("b").Node.Xattrs.Set("trusted.overlay.redirect", second)
		view, err := Rules{}.Merge(roots)
		var refused *Error
		switch {
		case err == nil:
			tree := canon.Tree{Root: view.Root}
			tree.CountLinks()
			if err := tree.Validate(); err != nil {
				t.Error(err)
			}
		case !errors.As(err, &refused):
			t.Errorf("error %v", err)
		}
	})
}
