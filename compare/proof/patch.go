package proof

import (
	"cfsverify/canon"
	"cfsverify/compare"
	"cfsverify/compare/blame"
)

// Patch returns a copy of tree a in which the entries of the findings are as
// tree b has them. The trees may be those of before a policy was applied.
func Patch(a, b *canon.Tree, findings []blame.Finding) *canon.Tree {
	r := repair{paths: map[string]*repairs{}, nodes: map[*canon.Node]*canon.Node{}}
	for _, f := range findings {
		for _, e := range f.Entries {
			p := r.paths[e.Path]
			if p == nil {
				p = &repairs{status: e.Status}
				r.paths[e.Path] = p
			}
			p.changes = append(p.changes, e.Explained...)
		}
	}
	t := *a
	root := r.both("/", &canon.Dirent{Node: a.Root}, &canon.Dirent{Node: b.Root})
	t.Root = root.Node
	if r.paths["/"] != nil {
		t.RootOrigin = b.RootOrigin
	}
	r.countLinks(&t, a, b)
	return &t
}

// repairs is what to take from the other tree at a path.
type repairs struct {
	status  compare.Status
	changes []compare.Change
}

type repair struct {
	paths map[string]*repairs
	// nodes are the copies of inodes that may have several names.
	nodes map[*canon.Node]*canon.Node
}

// both makes the dirent for a path that both trees have.
func (r *repair) both(path string, a, b *canon.Dirent) canon.Dirent {
	p := r.paths[path]
	e, source := *a, a.Node
	if p != nil && (compare.HasField(p.changes, compare.Links) || compare.HasField(p.changes, compare.Type)) {
		e.Hardlink, source = b.Hardlink, b.Node
	}
	n := r.nodes[source]
	if n == nil {
		n = copyStat(a.Node)
		n.Nlink = source.Nlink
		if a.Node.Kind != canon.Directory || b.Node.Kind != canon.Directory {
			r.nodes[source] = n
		}
	}
	e.Node = n
	if p != nil {
		for _, c := range p.changes {
			takeChange(n, b.Node, c)
		}
	}
	if n.Kind == canon.Directory {
		r.children(path, n, a.Node, b.Node)
	}
	return e
}

// children fills in a directory.
func (r *repair) children(path string, n, a, b *canon.Node) {
	if path == "/" {
		path = ""
	}
	for _, child := range a.Children() {
		p := path + "/" + child.Name
		other := b.Child(child.Name)
		switch {
		case other != nil:
			n.Put(r.both(p, &child, other))
		case r.paths[p] == nil || r.paths[p].status != compare.OnlyInA:
			n.Put(r.copy(p, &child, compare.OnlyInA))
		}
	}
	for _, child := range b.Children() {
		p := path + "/" + child.Name
		if r.paths[p] != nil && r.paths[p].status == compare.OnlyInB && a.Child(child.Name) == nil {
			n.Put(r.copy(p, &child, compare.OnlyInB))
		}
	}
}

// copy copies an entry that only one tree has, with what is below it as far as
// that is to be kept or taken.
func (r *repair) copy(path string, from *canon.Dirent, side compare.Status) canon.Dirent {
	e := *from
	n := r.nodes[from.Node]
	if n == nil {
		n = copyStat(from.Node)
		if from.Node.Kind != canon.Directory {
			r.nodes[from.Node] = n
		}
	}
	e.Node = n
	for _, child := range from.Node.Children() {
		p := path + "/" + child.Name
		if listed := r.paths[p] != nil && r.paths[p].status == side; listed == (side == compare.OnlyInB) {
			n.Put(r.copy(p, &child, side))
		}
	}
	return e
}

func copyStat(n *canon.Node) *canon.Node {
	c := *n
	c.RemoveAll()
	c.Xattrs = n.Xattrs.Clone()
	return &c
}

// takeChange copies what a change is about.
func takeChange(n, from *canon.Node, c compare.Change) {
	switch c.Field {
	case compare.Type:
		n.Kind, n.Target, n.Content, n.Size, n.Rdev, n.Nlink = from.Kind, from.Target, from.Content, from.Size, from.Rdev, from.Nlink
	case compare.Mode:
		n.Perm = from.Perm
	case compare.UID:
		n.UID = from.UID
	case compare.GID:
		n.GID = from.GID
	case compare.Mtime:
		n.Mtime.Sec = from.Mtime.Sec
	case compare.MtimeNsec:
		n.Mtime.Nsec = from.Mtime.Nsec
	case compare.Size:
		n.Size = from.Size
	case compare.ContentDigest, compare.Storage, compare.Payload:
		n.Content = from.Content
	case compare.Target:
		n.Target = from.Target
	case compare.Rdev:
		n.Rdev = from.Rdev
	case compare.Nlink:
		n.Nlink = from.Nlink
	case compare.Xattr:
		if value, has := from.Xattrs.Get(c.Xattr); has {
			n.Xattrs.Set(c.Xattr, value)
		} else {
			n.Xattrs.Remove(c.Xattr)
		}
	}
}

// countLinks sets Nlink of the inodes whose number of names is not that of the
// inode they were made of; dump files may state any number for the others.
func (r *repair) countLinks(t, a, b *canon.Tree) {
	links, linksA, linksB := t.Hardlinks(), a.Hardlinks(), b.Hardlinks()
	for source, n := range r.nodes {
		// The source is in one of the trees only, and counts once for the other.
		if names := links.Count(n); names != max(linksA.Count(source), linksB.Count(source)) {
			n.Nlink = names
		}
	}
}
