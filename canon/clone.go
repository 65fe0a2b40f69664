package canon

// Clone returns a tree of its own. Contents and what is known of its making are
// shared, as nothing changes them.
func (t *Tree) Clone() *Tree {
	nodes := map[*Node]*Node{}
	c := *t
	c.Root = t.Root.clone(nodes)
	return &c
}

// clone copies a node and all below it; nodes holds the copies of those that
// may have several names, which Nlink does not tell: dump files state it as they
// like.
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
