package engine

import (
	"errors"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// overlayView shows directories, the topmost first, as overlayfs does: as one
// with the metadata of the topmost. An opaque one hides what lower layers have in
// it: Linux, Documentation/filesystems/overlayfs.rst, "whiteouts and opaque
// directories".
type overlayView struct {
	// whiteouts are the entries that made them.
	whiteouts map[*canon.Node]canon.EntryError
}

// root merges the directories of whole layers, and takes their nodes over.
func (v overlayView) root(dirs []*canon.Node) (*canon.Node, error) {
	if len(dirs) == 1 {
		return v.single(dirs[0])
	}
	return v.merge(dirs)
}

func (v overlayView) merge(dirs []*canon.Node) (*canon.Node, error) {
	merged := *dirs[0]
	merged.RemoveAll()
	hideOverlayXattrs(&merged)
	var names []string
	for _, dir := range dirs {
		for _, e := range dir.Children() {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		n, err := v.name(dirs, name)
		if err != nil {
			return nil, err
		}
		if n != nil {
			merged.Put(canon.Dirent{Name: name, Node: n})
		}
	}
	return &merged, nil
}

// name gives what a name in merged directories shows, nil for nothing.
func (v overlayView) name(dirs []*canon.Node, name string) (*canon.Node, error) {
	var found []*canon.Node
	for _, dir := range dirs {
		e := dir.Child(name)
		if e == nil {
			continue
		}
		n := e.Node
		if n.Kind != canon.Directory {
			if len(found) > 0 || n.IsWhiteout() {
				break
			}
			hideOverlayXattrs(n)
			return n, nil
		}
		found = append(found, n)
		if opaque, _ := n.Xattrs.Get(linux.OverlayOpaque); opaque == "y" {
			break
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return v.single(found[0])
	}
	return v.merge(found)
}

// single is for a directory that only one layer has. Its list is that of the
// layer: whiteouts are in it, but they cannot be opened (ovl_iterate of
// fs/overlayfs/readdir.c).
func (v overlayView) single(dir *canon.Node) (*canon.Node, error) {
	for _, e := range dir.Children() {
		if where, ok := v.whiteouts[e.Node]; ok {
			where.Err = errors.New("overlayfs lists this whiteout, since no other layer has its directory, but does not let it be opened: the unpacked image cannot be scanned")
			return nil, &where
		}
	}
	return v.merge([]*canon.Node{dir})
}

func hideOverlayXattrs(n *canon.Node) {
	n.Xattrs = slices.DeleteFunc(n.Xattrs.Clone(), func(x canon.Xattr) bool { return strings.HasPrefix(x.Name, linux.OverlayPrefix) })
}
