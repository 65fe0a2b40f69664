package importers

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/layers"
)

// tarOf makes an archive of a spec in the language of layers.Tar. layerText
// writes trees in the same form.
func tarOf(spec string) []byte { return layers.Tar(spec) }

func readTar(archive []byte, index int) (*LayerEntries, error) {
	layer := &canon.Layer{Index: index, Name: fmt.Sprintf("%d.tar", index)}
	return ReadLayer(context.Background(), bytes.NewReader(archive), layer, nil, ReadOptions{Hash: fsverity.SHA256, Headers: true})
}

// layersOf reads the archives of specs.
func layersOf(t testing.TB, specs ...string) []*LayerEntries {
	t.Helper()
	var layers []*LayerEntries
	for i, spec := range specs {
		l, err := readTar(tarOf(spec), i+1)
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, l)
	}
	return layers
}

// layerText writes a tree as a spec, the second name of an inode as a hardlink
// to the first.
func layerText(tree *canon.Tree) string {
	var out strings.Builder
	first := map[*canon.Node]string{}
	for path, e := range tree.All() {
		path = strings.TrimPrefix(path, "/")
		if path == "" {
			path = "/"
		}
		n := e.Node
		if to, ok := first[n]; ok {
			fmt.Fprintf(&out, "h %s ->%s\n", path, to)
			continue
		}
		first[n] = path
		if text := nodeText(path, e); text != "" {
			out.WriteString(text + "\n")
		}
	}
	return out.String()
}

func nodeText(path string, e *canon.Dirent) string {
	n := e.Node
	line := map[canon.Kind]string{
		canon.Regular: "f", canon.Directory: "d", canon.Symlink: "l", canon.CharDevice: "c", canon.BlockDevice: "b", canon.FIFO: "p",
	}[n.Kind] + " " + path
	usual := map[canon.Kind]uint16{canon.Directory: 0o755, canon.Symlink: 0o777}[n.Kind]
	if usual == 0 {
		usual = 0o644
	}
	if path == "/" && n.Perm == 0 && e.Origin == nil {
		return ""
	}
	switch {
	case n.Target != "":
		line += " ->" + n.Target
	case n.Content != nil && n.Content.Inline != nil:
		line += " =" + string(n.Content.Inline)
	case n.Content != nil:
		line += fmt.Sprintf(" size=%d", n.Size)
	case n.Kind.IsDevice():
		line += fmt.Sprintf(" dev=%d,%d", n.Rdev>>8&0xfff, n.Rdev&0xff|n.Rdev>>12&^0xff)
	}
	for _, a := range []struct {
		name  string
		value int64
	}{{"uid", int64(n.UID)}, {"gid", int64(n.GID)}, {"mtime", n.Mtime.Sec}, {"nsec", int64(n.Mtime.Nsec)}} {
		if a.value != 0 {
			line += fmt.Sprintf(" %s=%d", a.name, a.value)
		}
	}
	if n.Perm != usual {
		line += fmt.Sprintf(" mode=%o", n.Perm)
	}
	for _, x := range n.Xattrs {
		line += " " + x.Name + "=" + strconv.Quote(x.Value)
	}
	if e.Origin != nil && e.Origin.Implicit {
		line += " implicit"
	}
	return line
}

// specText trims a spec to what layerText writes.
func specText(spec string) string {
	var out strings.Builder
	for line := range strings.Lines(spec) {
		if line = strings.TrimSpace(line); line != "" {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

// otherOf gives what the rules that are not used make, if that is not tree.
func otherOf(layers []*LayerEntries, used Rules, tree *canon.Tree) (*canon.Tree, []Event, error) {
	other := applyOther(layers, used).against(tree)
	if other == nil {
		return nil, nil, nil
	}
	return other.Tree, other.Events, other.Err
}
