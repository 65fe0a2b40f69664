package canon

// Clone returns a tree of its own. Contents are shared, as nothing changes
// them.
func (t *Tree) Clone() *Tree {
	nodes := map[*Node]*Node{}
	return &Tree{Root: t.Root.clone(nodes), RootOrigin: t.RootOrigin}
}

// clone copies a node and all below it; nodes holds the copies of those that
// may have several names.
func (n *Node) clone(nodes map[*Node]*Node) *Node {
	if c := nodes[n]; c != nil {
		return c
	}
	c := *n
	c.Xattrs = n.Xattrs.Clone()
	if n.Kind != Directory && n.Nlink != 1 {
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
