package engine

import (
	"errors"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/importers/layer"
)

// mark leaves for overlayfs what a marker says.
func (u *unpacker) mark(dir *canon.Node, hidden string, isOpaque bool) error {
	switch {
	case isOpaque:
		dir.Xattrs.Set(linux.OverlayOpaque, "y")
		return nil
	case dir.Kind != canon.Directory:
		return nil
	case hidden == "" || hidden == "." || hidden == ".." || dir.Child(hidden) != nil:
		return errors.New("what the whiteout is to hide is there in its own layer")
	}
	u.link(dir, hidden, u.newInode(dir, canon.CharDevice))
	return nil
}

// hide removes what a marker hides and the layer itself did not put there.
func (u *unpacker) hide(p place, hidden string, isOpaque bool) error {
	dir := p.last()
	if dir == nil || dir.Kind != canon.Directory {
		return nil
	}
	if isOpaque {
		u.hideBelow(dir, p.path())
		return nil
	}
	switch hidden {
	case "..":
		p.up()
		fallthrough
	case "", ".":
		if !u.made[p.path()] {
			return errors.New("the whiteout removes the directory that it is in")
		}
		u.hideBelow(p.last(), p.path())
		return nil
	}
	u.hideName(dir, p.path(), hidden)
	return nil
}

func (u *unpacker) hideName(dir *canon.Node, dirPath, name string) {
	child := dir.Child(name)
	path := layer.JoinPath(dirPath, name)
	switch {
	case child == nil:
	case !u.made[path]:
		u.remove(dir, name)
	default:
		u.hideBelow(child.Node, path)
	}
}

func (u *unpacker) hideBelow(dir *canon.Node, path string) {
	if u.hidden[dir] {
		return
	}
	u.hidden[dir] = true
	var names []string
	for _, e := range dir.Children() {
		names = append(names, e.Name)
	}
	for _, name := range names {
		u.hideName(dir, path, name)
	}
}
