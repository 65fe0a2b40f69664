package canon

// nodesBlock is the number of nodes that fill a size that memory comes in, of
// 8 KiB.
const nodesBlock = 78

// Nodes makes nodes many at a time, which takes less memory than to make one
// after the other. A block stays in memory as long as any node of it.
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
