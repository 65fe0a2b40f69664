package trees

import (
	"fmt"
	"strconv"
	"strings"

	"cfsverify/canon"
)

// Text writes a tree as a spec in the language of testdata/layers, the second name of an inode as a hardlink
// to the first.
func Text(tree *canon.Tree) string {
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

// Lines trims a spec to what Text writes.
func Lines(spec string) string {
	var out strings.Builder
	for line := range strings.Lines(spec) {
		if line = strings.TrimSpace(line); line != "" {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}
