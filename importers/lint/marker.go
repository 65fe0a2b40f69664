package lint

import (
	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/layer"
)

// marker looks at an entry that is a marker, while the tree is that of the layers
// below.
func (l *layerLinter) marker(i int) {
	path := l.Layer.List[i].Path
	dir, _ := layer.SplitPath(path)
	m, hidden := layer.MarkerOf(path)
	switch m {
	case layer.AUFS:
		l.add(i, tarfile.AUFSName, path, "")
		return
	case layer.Whiteout:
		l.whiteout(i, dir, hidden)
	case layer.Opaque:
		l.opaqueMarker(i, dir)
	default:
		return
	}
	h := l.Layer.List[i].Header
	isFile := h.Typeflag == '0' || h.Typeflag == 0
	if !isFile || h.Size != 0 || h.Mode != 0o644 || h.UID != 0 || h.GID != 0 || (h.Mtime != canon.Time{}) || len(tarfile.Xattrs(h.PAX)) > 0 {
		l.add(i, tarfile.MarkerForm, path, "")
	}
}

func (l *layerLinter) whiteout(i int, dir, hidden string) {
	parent := l.Find(dir)
	hiddenPath := layer.JoinPath(dir, hidden)
	switch {
	case parent == nil || parent.Kind != canon.Directory || parent.Child(hidden) == nil:
		l.add(i, tarfile.WhiteoutOfNothing, hiddenPath, "no layer below has it")
	case l.isHidden(dir):
		l.add(i, tarfile.WhiteoutOfNothing, hiddenPath, "another marker of the layer hides it")
	}
	first, found := l.last[hiddenPath]
	if !found {
		first, found = l.within[hiddenPath]
	}
	if found {
		l.add(i, tarfile.WhiteoutOrder, hiddenPath, "entry %d is %q", first+1, "/"+l.Layer.List[first].Path)
	}
}

// isHidden says that a marker of the layer hides what is in a directory.
func (l *layerLinter) isHidden(dir string) bool {
	for !l.opaque[dir] && !l.whiteouts[dir] {
		if dir == "" {
			return false
		}
		dir, _ = layer.SplitPath(dir)
	}
	return true
}

func (l *layerLinter) opaqueMarker(i int, dir string) {
	l.add(i, tarfile.OpaqueMarker, dir, "")
	if dir == "" {
		l.add(i, tarfile.OpaqueRoot, "", "")
	}
	if before := l.within[dir]; before < i {
		l.add(i, tarfile.OpaqueOrder, dir, "entry %d is %q", before+1, "/"+l.Layer.List[before].Path)
	}
}
