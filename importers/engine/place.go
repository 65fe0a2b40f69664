package engine

import (
	"errors"
	"strings"

	"cfsverify/canon"
)

// place is where the path as it is written leads when symlinks are
// followed: the names of the directories and, one more with the root, their
// nodes, nil for what is not there.
type place struct {
	written string
	names   []string
	nodes   []*canon.Node
}

func (p *place) last() *canon.Node { return p.nodes[len(p.nodes)-1] }

func (p *place) path() string { return strings.Join(p.names, "/") }

func (p *place) push(name string, n *canon.Node) {
	p.names, p.nodes = append(p.names, name), append(p.nodes, n)
}

// up stays at the root, as in a chroot.
func (p *place) up() {
	if len(p.names) > 0 {
		p.names, p.nodes = p.names[:len(p.names)-1], p.nodes[:len(p.nodes)-1]
	}
}

// resolve follows symlinks within the root, the last one included. The last node
// may be something else than a directory.
func (u *unpacker) resolve(path string) (place, error) {
	type step struct {
		name string
		// ofTarget says that a symlink, not the path, has it.
		ofTarget bool
	}
	steps := func(path string, ofTarget bool) (s []step) {
		for name := range strings.SplitSeq(path, "/") {
			s = append(s, step{name, ofTarget})
		}
		return s
	}
	p := place{written: path, nodes: []*canon.Node{u.root}}
	symlinks := 0
	for todo := steps(path, false); len(todo) > 0; {
		s := todo[0]
		todo = todo[1:]
		switch s.name {
		case "", ".":
			continue
		case "..":
			p.up()
			continue
		}
		var child *canon.Node
		if dir := p.last(); dir != nil {
			if dir.Kind != canon.Directory {
				return p, errNotDirectory
			}
			if found := dir.Child(s.name); found != nil {
				child = found.Node
			}
		}
		switch {
		case child == nil && s.ofTarget && !u.engine.ResolveFirst:
			return p, errors.New("its parent is a symlink that leads nowhere")
		case child == nil || child.Kind != canon.Symlink:
			p.push(s.name, child)
			continue
		}
		if symlinks++; symlinks > u.engine.SymlinksMax {
			return p, errors.New("its parent is a symlink that leads round in circles")
		}
		if strings.HasPrefix(child.Target, "/") {
			p.names, p.nodes = nil, []*canon.Node{u.root}
		}
		todo = append(steps(child.Target, true), todo...)
	}
	return p, nil
}

// makeMissing makes the directories of a place that are not there.
func (u *unpacker) makeMissing(p place) error {
	for i, n := range p.nodes {
		if n != nil {
			continue
		}
		parent := p.nodes[i-1]
		if parent.Kind != canon.Directory {
			return errNotDirectory
		}
		n = u.newInode(parent, canon.Directory)
		if u.engine.ImplicitOwner {
			n.UID, n.GID = 0, 0
		}
		u.link(parent, p.names[i-1], n)
		p.nodes[i] = n
	}
	return nil
}
