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
	type found struct {
		name string
		node *canon.Node
	}
	var all []found
	for _, dir := range dirs {
		for _, e := range dir.Children() {
			all = append(all, found{e.Name, e.Node})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return strings.Compare(a.name, b.name) })
	for len(all) > 0 {
		name := all[0].name
		var nodes []*canon.Node
		for len(all) > 0 && all[0].name == name {
			nodes, all = append(nodes, all[0].node), all[1:]
		}
		n, err := v.top(nodes)
		if err != nil {
			return nil, err
		}
		if n != nil {
			merged.Put(canon.Dirent{Name: name, Node: n})
		}
	}
	return &merged, nil
}

// top gives what a name shows that leads to these inodes in merged directories, nil for
// nothing.
func (v overlayView) top(nodes []*canon.Node) (*canon.Node, error) {
	var found []*canon.Node
	for _, n := range nodes {
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
