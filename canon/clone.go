package canon

// Clone returns a copy that can be changed without changing t. Contents, origins,
// markers and superseded names are shared, as nothing changes them.
func (t *Tree) Clone() *Tree {
	nodes := map[*Node]*Node{}
	c := *t
	c.Root = t.Root.clone(nodes)
	return &c
}

// WithRoot returns a tree whose root directory has the metadata of dir, and shares all
// else with t: neither may be changed as long as the other is used.
func (t *Tree) WithRoot(dir *Node) *Tree {
	c, root := *t, *t.Root
	root.Perm, root.UID, root.GID, root.Mtime, root.Xattrs = dir.Perm, dir.UID, dir.GID, dir.Mtime, dir.Xattrs
	c.Root = &root
	return &c
}

// clone copies a node and all below it. nodes has the copies of all inodes that
// may have several names. It does not ask Hardlinks: a tree that is still being
// built, whose links nobody has counted, can be cloned too.
func (n *Node) clone(nodes map[*Node]*Node) *Node {
	if c := nodes[n]; c != nil {
		return c
	}
	c := *n
	c.Xattrs = n.Xattrs.Clone()
	if n.Kind != Directory {
		nodes[n] = &c
	}
	if n.dir != nil {
		children := n.Children()
		c.dir = &directory{entries: make([]Dirent, len(children))}
		for i, e := range children {
			e.Node = e.Node.clone(nodes)
			c.dir.entries[i] = e
		}
	}
	return &c
}
