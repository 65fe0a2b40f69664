package importers

import (
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
)

// hardlink looks at one that is about to be applied.
func (l *layerLinter) hardlink(i int) {
	e := &l.layer.entries[i]
	if !e.isHardlink() {
		return
	}
	target := l.tree.Lookup("/" + e.node.Target)
	if target == nil || target.Node.Kind == canon.Directory {
		return
	}
	if target.Origin.Layer != l.layer.Layer {
		l.add(i, tarfile.HardlinkToLower, e.path, "%q is of %v", "/"+e.node.Target, target.Origin.Layer)
	}
	if wrong := headerDifferences(e.header, target.Node); wrong != "" {
		l.add(i, tarfile.HardlinkHeader, e.path, "%s, unlike %q", wrong, "/"+e.node.Target)
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
	for i := range l.layer.entries {
		if e := &l.layer.entries[i]; e.isHardlink() {
			if n := l.find(e.path); n != nil {
				first[n] = e.path
			}
		}
	}
	for i := range l.layer.entries {
		path := l.layer.entries[i].path
		n := l.find(path)
		if name, found := first[n]; found && compareCanonical(path, name) < 0 {
			first[n] = path
		}
	}
	for i := range l.layer.entries {
		e := &l.layer.entries[i]
		name, found := first[l.find(e.path)]
		if e.isHardlink() && found && e.node.Target != name {
			l.add(i, tarfile.HardlinkTarget, e.path, "%q instead of %q", "/"+e.node.Target, "/"+name)
		}
	}
}
