package canon

// nodesBlock is how many nodes fit into 8 KiB, which is a size class of Go's
// allocator.
const nodesBlock = 78

// Nodes allocates nodes in blocks, which takes less memory than to allocate each
// by itself. A block stays in memory as long as any of its nodes is in use.
type Nodes struct{ block []Node }

// New returns a node that is zero.
func (n *Nodes) New() *Node {
	if len(n.block) == 0 {
		n.block = make([]Node, nodesBlock)
	}
	made := &n.block[0]
	n.block = n.block[1:]
	return made
}
