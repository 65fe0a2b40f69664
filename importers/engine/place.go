package engine

import (
	"errors"
	"slices"
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
	// symlinks is how many led to it.
	symlinks int
}

func (p *place) last() *canon.Node { return p.nodes[len(p.nodes)-1] }

func (p *place) path() string { return strings.Join(p.names, "/") }

func (p *place) push(name string, n *canon.Node) {
	p.names, p.nodes = append(p.names, name), append(p.nodes, n)
}

// up stays at the root, as in a chroot. Places share their lists.
func (p *place) up() {
	if last := len(p.names) - 1; last >= 0 {
		p.names, p.nodes = p.names[:last:last], p.nodes[:last+1:last+1]
	}
}

// lead is a path from a directory, absolute ones from the root.
type lead struct {
	from *canon.Node
	path string
}

// leadsMax is how many names the places may have that are remembered.
const leadsMax = 1 << 20

// leads are the directories that paths lead to over symlinks and names that are all there. What is put
// makes no difference to that, but a directory or symlink that is removed does.
type leads struct {
	places map[lead]place
	names  int
}

func (l *leads) forget() { clear(l.places); l.names = 0 }

func (l *leads) remember(to lead, p place) {
	if l.names += len(p.names); l.names > leadsMax {
		l.forget()
	}
	l.places[to] = p
}

// resolve follows symlinks within the root, the last one included. The last node
// may be something else than a directory.
func (u *unpacker) resolve(path string) (place, error) {
	p, err := u.follow(place{nodes: []*canon.Node{u.root}}, path, 0, false)
	p.written = path
	return p, err
}

// follow follows a path from a place that so many symlinks led to. ofTarget says that a
// symlink has the path.
func (u *unpacker) follow(from place, path string, symlinks int, ofTarget bool) (place, error) {
	if strings.HasPrefix(path, "/") {
		from = place{nodes: []*canon.Node{u.root}}
	}
	to := lead{from.last(), path}
	if p, known := u.leads.places[to]; known && symlinks+p.symlinks <= u.engine.SymlinksMax {
		return p, nil
	}
	p, err := u.walk(from, path, symlinks, ofTarget)
	if err == nil && p.symlinks > 0 && !slices.Contains(p.nodes, nil) && p.last().Kind == canon.Directory {
		u.leads.remember(to, p)
	}
	return p, err
}

func (u *unpacker) walk(from place, path string, symlinks int, ofTarget bool) (place, error) {
	p := place{names: slices.Clip(from.names), nodes: slices.Clip(from.nodes)}
	for name := range strings.SplitSeq(path, "/") {
		switch name {
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
			if found := dir.Child(name); found != nil {
				child = found.Node
			}
		}
		switch {
		case child == nil && ofTarget && !u.engine.ResolveFirst:
			return p, errors.New("its parent is a symlink that leads nowhere")
		case child == nil || child.Kind != canon.Symlink:
			p.push(name, child)
			continue
		}
		if symlinks+p.symlinks >= u.engine.SymlinksMax {
			return p, errors.New("its parent is a symlink that leads round in circles")
		}
		target, err := u.follow(p, child.Target, symlinks+p.symlinks+1, true)
		if err != nil {
			return target, err
		}
		target.symlinks += p.symlinks + 1
		p = target
	}
	p.names, p.nodes = slices.Clip(p.names), slices.Clip(p.nodes)
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
