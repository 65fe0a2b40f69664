package lint

import (
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/layer"
)

// hardlink looks at one that is about to be applied.
func (l *layerLinter) hardlink(i int) {
	e := &l.Layer.List[i]
	if !e.IsHardlink() {
		return
	}
	target := l.Tree.Lookup("/" + e.Node.Target)
	if target == nil || target.Node.Kind == canon.Directory {
		return
	}
	if target.Origin.Layer != l.Layer.Layer {
		l.add(i, tarfile.HardlinkToLower, e.Path, "%q is of %v", "/"+e.Node.Target, target.Origin.Layer)
	}
	if wrong := headerDifferences(e.Header, target.Node); wrong != "" {
		l.add(i, tarfile.HardlinkHeader, e.Path, "%s, unlike %q", wrong, "/"+e.Node.Target)
	}
}

// headerDifferences names what a hardlink's header has other than the inode.
func headerDifferences(h *canon.Header, n *canon.Node) string {
	var wrong []string
	if uint16(h.Mode&0o7777) != n.Perm {
		wrong = append(wrong, fmt.Sprintf("mode %04o", h.Mode&0o7777))
	}
	if uint32(h.UID) != n.UID || uint32(h.GID) != n.GID {
		wrong = append(wrong, fmt.Sprintf("owner %d:%d", h.UID, h.GID))
	}
	if h.Mtime != n.Mtime {
		wrong = append(wrong, "mtime")
	}
	for _, x := range tarfile.Xattrs(h.PAX) {
		if value, found := n.Xattrs.Get(x.Name); !found || value != x.Value {
			wrong = append(wrong, fmt.Sprintf("xattr %q", x.Name))
		}
	}
	return strings.Join(wrong, ", ")
}

// hardlinkTargets compares the targets of hardlinks with the names at which
// canonical tars have the content of inodes.
func (l *layerLinter) hardlinkTargets() {
	first := map[*canon.Node]string{}
	for i := range l.Layer.List {
		if e := &l.Layer.List[i]; e.IsHardlink() {
			if n := l.Find(e.Path); n != nil {
				first[n] = e.Path
			}
		}
	}
	for i := range l.Layer.List {
		path := l.Layer.List[i].Path
		n := l.Find(path)
		if name, found := first[n]; found && layer.CompareCanonical(path, name) < 0 {
			first[n] = path
		}
	}
	for i := range l.Layer.List {
		e := &l.Layer.List[i]
		name, found := first[l.Find(e.Path)]
		if e.IsHardlink() && found && e.Node.Target != name {
			l.add(i, tarfile.HardlinkTarget, e.Path, "%q instead of %q", "/"+e.Node.Target, "/"+name)
		}
	}
}
