package overlayfs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon"
)

// View is what a mount shows.
type View struct {
	Root *canon.Node
	// Contents has the files that are shown with the content of a lower layer's
	// file (metacopy), and that file.
	Contents map[*canon.Node]*canon.Node
}

// Error says that the mount lists a name, but does not let it be opened.
type Error struct {
	// Path is where the mount lists it. It begins with a slash.
	Path string
	// Layer counts from 0, the topmost; Node is what that layer has there.
	Layer int
	Node  *canon.Node
	Err   error
}

func (e *Error) Error() string { return fmt.Sprintf("%q: %v", e.Path, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// Merge gives what a read-only mount of layers shows. There is at least one, and the
// first is the topmost. The mount has one empty directory more below them, as that of
// an engine has. A node that is in several layers is one inode. The view takes the nodes
// over.
//
// Where the mount lists what it does not let be opened, the error is an *Error.
func (r Rules) Merge(layers []*canon.Node) (*View, error) {
	m := merger{rules: r, view: &View{Contents: map[*canon.Node]*canon.Node{}}, unhidden: map[*canon.Node]bool{}}
	for i, root := range layers {
		if r.Fuse {
			if err := fuseLayer(root); err != nil {
				return nil, &Error{Layer: i, Node: root, Err: err}
			}
		}
		m.roots = append(m.roots, lower{i, root})
		m.left += count(root)
	}
	m.roots = r.shownRoots(m.roots)
	// What a redirect leads to may be shown at its own place as well.
	m.left = 2*m.left + redirectsFree
	var err error
	if m.view.Root, err = m.directory(m.roots, true); err != nil {
		return nil, err
	}
	for n := range m.unhidden {
		n.Xattrs = r.shownXattrs(n)
	}
	return m.view, nil
}

// shownRoots are the layers that the root is merged of: to the kernel all of them, opaque
// or not.
func (r Rules) shownRoots(roots []lower) []lower {
	if !r.Fuse {
		return roots
	}
	opaque := slices.IndexFunc(roots, func(l lower) bool { return r.opacity(l.node) == "y" })
	return roots[:cmp.Or(opaque+1, len(roots))]
}

// redirectsFree is how many names a view may have that the layers have not.
const redirectsFree = 10_000

func count(dir *canon.Node) int {
	children := dir.Children()
	n := len(children)
	for _, e := range children {
		n += count(e.Node)
	}
	return n
}

type merger struct {
	rules Rules
	roots []lower
	view  *View
	// unhidden are non-directories that are shown and have xattrs which are not.
	// They keep them until the end, since a file may be met again.
	unhidden map[*canon.Node]bool
	// left is how many names more the view may have: redirects to the same
	// directories could multiply them.
	left int
}

// place is where a directory's name is: in which of the layers that have the
// directory, and what it is there.
type place struct {
	at int
	e  *canon.Dirent
}

// directory shows the directories of several layers as one, with the metadata of
// the first.
func (m *merger) directory(dirs []lower, isRoot bool) (*canon.Node, error) {
	shown := *dirs[0].node
	shown.RemoveAll()
	shown.Xattrs = m.rules.shownXattrs(&shown)
	filtered := isRoot || len(dirs) > 1 || m.rules.filtersList(dirs[0].node)
	places := m.places(dirs)
	at := make([]int, 0, len(dirs))
	for len(places) > 0 {
		first := places[0]
		name := first.e.Name
		at = at[:0]
		for len(places) > 0 && places[0].e.Name == name {
			at = append(at, places[0].at)
			places = places[1:]
		}
		if filtered && first.e.Node.IsWhiteout() {
			continue
		}
		n, err := m.name(dirs, isRoot, name, at)
		if err == nil && n == nil {
			if filtered && m.rules.opacity(dirs[first.at].node) == "x" {
				continue
			}
			err = &Error{Layer: dirs[first.at].layer, Node: first.e.Node, Err: ErrWhiteout}
		}
		if err != nil {
			return nil, below(name, dirs[first.at].layer, first.e.Node, err)
		}
		if m.left--; m.left < 0 {
			return nil, below(name, dirs[first.at].layer, first.e.Node, errMultiplied)
		}
		shown.Put(canon.Dirent{Name: name, Node: n})
	}
	return &shown, nil
}

var errMultiplied = fmt.Errorf("redirects show the same directories again and again, more than %d names that the layers have not", redirectsFree)

// below adds a name to the path of an error.
func below(name string, layer int, n *canon.Node, err error) error {
	e, ok := err.(*Error)
	if !ok {
		e = &Error{Layer: layer, Node: n, Err: err}
	}
	e.Path = "/" + name + e.Path
	return e
}

// places lists the names of directories, those of a name together, the topmost
// first.
func (m *merger) places(dirs []lower) []place {
	size := 0
	for _, dir := range dirs {
		size += len(dir.node.Children())
	}
	places := make([]place, 0, size)
	for i, dir := range dirs {
		children := dir.node.Children()
		for j := range children {
			places = append(places, place{i, &children[j]})
		}
	}
	if len(dirs) > 1 {
		slices.SortFunc(places, func(a, b place) int {
			return cmp.Or(strings.Compare(a.e.Name, b.e.Name), cmp.Compare(a.at, b.at))
		})
	}
	return places
}

// name gives what a name in directories shows, nil for nothing.
func (m *merger) name(dirs []lower, isRoot bool, name string, at []int) (*canon.Node, error) {
	found, err := m.find(dirs, isRoot, name, at)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	n := found[0].node
	if n.Kind == canon.Directory {
		return m.directory(found, false)
	}
	if len(found) > 1 && m.view.Contents[n] == nil {
		m.view.Contents[n] = found[len(found)-1].node
	}
	if m.rules.hidesXattrs(n) {
		m.unhidden[n] = true
	}
	return n, nil
}
