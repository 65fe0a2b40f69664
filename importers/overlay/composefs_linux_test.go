package overlay

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/overlayfs"
	"cfsverify/importers/scan"
	"cfsverify/testdata/files"
	"cfsverify/testdata/oracle"
)

// putObject writes content where containers/storage keeps it, and gives the content of
// a file that has it. The digest is not that of fs-verity, as the image has none.
func putObject(t *testing.T, m files.Maker, store, content string) *canon.Content {
	t.Helper()
	sum := sha256.Sum256([]byte(content))
	name := hex.EncodeToString(sum[:])
	name = name[:2] + "/" + name[2:]
	files.Write(t, m.Path(store+"/"+name), []byte(content))
	c := &canon.Content{}
	c.SetPayload(name)
	return c
}

// backedLayer makes an image of a tree, with mkcomposefs's bytes, and gives the layer.
func backedLayer(t *testing.T, m files.Maker, name string, tree *canon.Tree) Layer {
	t.Helper()
	tree.CountLinks()
	var image bytes.Buffer
	m.Do(erofs.Write(&image, tree, erofs.Options{Version: erofs.V0, Writer: erofs.Mkcomposefs}))
	files.Write(t, m.Path(name+".cfs"), image.Bytes())
	m.Mkdir(name)
	return Layer{Dir: m.Path(name), Composefs: m.Path(name + ".cfs")}
}

func directoryOf(entries map[string]*canon.Node) *canon.Node {
	dir := &canon.Node{Kind: canon.Directory, Perm: 0o755, Mtime: canon.Time{Sec: 7}}
	for name, n := range entries {
		dir.Put(canon.Dirent{Name: name, Node: n})
	}
	return dir
}

func regular(size int, c *canon.Content) *canon.Node {
	return &canon.Node{Kind: canon.Regular, Perm: 0o644, Mtime: canon.Time{Sec: 8}, Size: uint64(size), Content: c}
}

// twoBacked are two layers that are backed by composefs: whiteouts are plain files in
// them, and a device 0:0 is what a nested overlay would take for a whiteout.
func twoBacked(t *testing.T, m files.Maker) []Layer {
	t.Helper()
	long, longer := strings.Repeat("long ", 100), strings.Repeat("longer ", 1000)
	upper := directoryOf(map[string]*canon.Node{
		"d": directoryOf(map[string]*canon.Node{
			".wh.gone":     regular(0, nil),
			".wh..wh..opq": regular(0, nil),
			"new":          regular(len(long), putObject(t, m, "upper", long)),
		}),
		"shared": regular(len(longer), putObject(t, m, "lower", longer)),
		"device": {Kind: canon.CharDevice, Perm: 0o600},
	})
	upper.Xattrs.Set("trusted.overlay.other", "v")
	inline := regular(5, &canon.Content{Inline: []byte("short")})
	inline.Xattrs.Set("user.x", "v")
	lower := directoryOf(map[string]*canon.Node{
		"d": directoryOf(map[string]*canon.Node{
			"gone": inline,
			"old":  regular(len(longer), putObject(t, m, "lower", longer)),
		}),
		"link":   {Kind: canon.Symlink, Perm: 0o777, Target: "d"},
		"linked": inline,
	})
	lower.Child("d").Node.Xattrs.Set("trusted.overlay.opaque", "y")
	return []Layer{
		backedLayer(t, m, "upper", &canon.Tree{Root: upper}),
		backedLayer(t, m, "lower", &canon.Tree{Root: lower}),
	}
}

// TestComposefsBacked mounts layers as containers/storage does: their images as EROFS,
// and the directories of objects as layers of data alone.
func TestComposefsBacked(t *testing.T) {
	s := newStack(t, overlayfs.Rules{})
	backed := twoBacked(t, s.Maker)
	var images, stores []string
	for i, l := range backed {
		at := fmt.Sprint("image", i)
		s.Mkdir(at)
		oracle.Run(t, "mount", "mount", "-t", "erofs", "-o", "loop,ro", l.Composefs, s.Path(at))
		t.Cleanup(func() { oracle.Run(t, "mount", "umount", s.Path(at)) })
		images, stores = append(images, s.Path(at)), append(stores, l.Dir)
	}
	unmount := mounted(t, "overlay", "overlay", s.Path("merged"), "metacopy=on,redirect_dir=follow,lowerdir="+strings.Join(images, ":")+"::"+strings.Join(stores, "::"))
	want, err := scan.Directory(t.Context(), s.Path("merged"), scan.Options{Hash: fsverity.SHA256})
	unmount()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Scan(t.Context(), backed, Options{Hash: fsverity.SHA256, Rules: overlayfs.Rules{Metacopy: true}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rawDump(t, want), rawDump(t, got)); diff != "" {
		t.Errorf("the scan of the mount (-) and the view (+) differ:\n%s", diff)
	}
	for _, path := range []string{"/d/.wh.gone", "/d/gone", "/d/old", "/shared"} {
		if got.Lookup(path) == nil {
			t.Errorf("%s is missing", path)
		}
	}
}

// TestComposefsBackedOnDirectory has both kinds of layers.
func TestComposefsBackedOnDirectory(t *testing.T) {
	s := newStack(t, overlayfs.Rules{}, "plain")
	s.file("plain/d/plain")
	s.whiteout("plain/link")
	backed := twoBacked(t, s.Maker)
	tree, err := Scan(t.Context(), []Layer{{Dir: s.Path("plain")}, backed[1]}, Options{Hash: fsverity.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for path := range tree.All() {
		shown = append(shown, path)
	}
	if got, want := strings.Join(shown, " "), "/ /d /d/gone /d/old /d/plain /linked"; got != want {
		t.Errorf("it shows %s, want %s", got, want)
	}
	longer := fsverity.SumBytes(fsverity.SHA256, []byte(strings.Repeat("longer ", 1000)))
	if n := tree.Lookup("/d/old").Node; n.Content == nil || n.Content.Digest != longer {
		t.Errorf("the object has the digest %v, want %v", n.Content, longer)
	}
}

func TestComposefsBackedDamaged(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(s stack, object string)
		want   string
	}{
		{"an object that is not there", func(s stack, object string) { s.Do(os.Remove(s.Path(object))) }, "which \""},
		{"an object of another length", func(s stack, object string) { s.File(object, "short") }, "is no file of 500 bytes"},
		{"a FIFO", func(s stack, object string) { s.Do(os.Remove(s.Path(object))); s.Mknod(object, 0o010644, 0, 0) }, "is no file of 500 bytes"},
		{"a symlink", func(s stack, object string) { s.Do(os.Remove(s.Path(object))); s.Symlink("/etc/passwd", object) }, "upper/"},
		{"an image that is none", func(s stack, _ string) { s.File("upper.cfs", "no image") }, "this is no composefs image"},
		{"no image", func(s stack, _ string) { s.Do(os.Remove(s.Path("upper.cfs"))) }, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStack(t, overlayfs.Rules{})
			backed := twoBacked(t, s.Maker)
			sum := sha256.Sum256([]byte(strings.Repeat("long ", 100)))
			name := hex.EncodeToString(sum[:])
			c.damage(s, "upper/"+name[:2]+"/"+name[2:])
			_, err := Scan(t.Context(), backed, Options{Hash: fsverity.SHA256})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), s.Path("upper")) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}
