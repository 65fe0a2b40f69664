package blame

import (
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/compare"
)

// partners are the inodes that the names of one inode lead to on the other side, each
// once. What is asked of them is the same for many names, and is remembered.
type partners struct {
	nodes []*canon.Node
	seen  map[*canon.Node]bool
	// changes counts the partners that differ from the inode in a change.
	changes map[compare.Change]int
	// mixed are the contents that differ from that of another partner.
	mixed map[contentKey]bool
	// labels are those of partners that are the same in all else.
	labels map[unlabelledKey]map[string]bool
}

func (p *partners) add(n *canon.Node) {
	if !p.seen[n] {
		p.seen[n] = true
		p.nodes = append(p.nodes, n)
	}
}

// unlabelledKey is equal for inodes that differ in their labels at most.
type unlabelledKey struct {
	inodeKey
	rdev            uint32
	isInline        bool
	payload, xattrs string
}

func unlabelledKeyOf(n *canon.Node) unlabelledKey {
	k := unlabelledKey{inodeKey: keyOf(n), rdev: n.Rdev}
	if n.Content != nil {
		k.isInline, k.payload = n.Content.Inline != nil, n.Content.Payload()
	}
	var xattrs strings.Builder
	for _, x := range n.Xattrs {
		if x.Name != linux.SecuritySELinux {
			fmt.Fprintf(&xattrs, "%q%q", x.Name, x.Value)
		}
	}
	k.xattrs = xattrs.String()
	return k
}

func (p *partners) byUnlabelled() map[unlabelledKey]map[string]bool {
	if p.labels != nil {
		return p.labels
	}
	p.labels = map[unlabelledKey]map[string]bool{}
	for _, n := range p.nodes {
		key := unlabelledKeyOf(n)
		if p.labels[key] == nil {
			p.labels[key] = map[string]bool{}
		}
		p.labels[key][labelOf(n)] = true
	}
	return p.labels
}

// differInLabel says that another partner differs from one in its label, and only in that.
func (p *partners) differInLabel(n *canon.Node) bool {
	return len(p.byUnlabelled()[unlabelledKeyOf(n)]) > 1
}

// areSame says that all partners are the same, also in their labels.
func (p *partners) areSame() bool {
	return len(p.byUnlabelled()) == 1 && !p.differInLabel(p.nodes[0])
}

// linkPartners are those of the inodes that have several names, on either side.
type linkPartners struct{ in, out map[*canon.Node]*partners }

// partnersOf gives the partners of an item's inodes. It counts names that both sides
// have; an inode of one name has none.
func (s *scene) partnersOf(it *item) (in, out *partners) {
	if s.partners == nil {
		s.partners = s.findPartners()
	}
	none := &partners{}
	if in = s.partners.in[it.in.Node]; in == nil {
		in = none
	}
	if out = s.partners.out[it.out.Node]; out == nil {
		out = none
	}
	return in, out
}

func (s *scene) findPartners() *linkPartners {
	p := &linkPartners{map[*canon.Node]*partners{}, map[*canon.Node]*partners{}}
	linksIn, linksOut := s.in.Hardlinks(), s.out.Hardlinks()
	add := func(links *canon.Hardlinks, of map[*canon.Node]*partners, n, partner *canon.Node) {
		if links.Of(n) == nil {
			return
		}
		if of[n] == nil {
			of[n] = &partners{seen: map[*canon.Node]bool{}}
		}
		of[n].add(partner)
	}
	for _, pair := range s.common() {
		add(linksIn, p.in, pair.A.Node, pair.B.Node)
		add(linksOut, p.out, pair.B.Node, pair.A.Node)
	}
	return p
}

// linkChanges says whether the inode of an item has other names that are names of this
// inode on one side only, though both sides have them: lost are those of out, gained
// those of in.
func (s *scene) linkChanges(it *item) (lost, gained bool) {
	in, out := s.partnersOf(it)
	return len(out.nodes) > 1, len(in.nodes) > 1
}

// haveContentOf says that an inode, which is one of the partners, has the content of all
// others.
func (p *partners) haveContentOf(n *canon.Node) bool {
	if p.mixed == nil {
		p.mixed = map[contentKey]bool{}
		kinds := map[contentKey]*canon.Node{}
		for _, n := range p.nodes {
			kinds[contentOf(n)] = n
		}
		for key, n := range kinds {
			// No content equals more than two others: its digests by two algorithms.
			for _, other := range kinds {
				if contentDiffers(n, other) {
					p.mixed[key] = true
					break
				}
			}
		}
	}
	return !p.mixed[contentOf(n)]
}

// othersHave says that one of the partners does not differ from an inode in a change in
// which another partner does.
func (p *partners) othersHave(n *canon.Node, c compare.Change) bool {
	if p.changes == nil {
		p.changes = map[compare.Change]int{}
		for _, partner := range p.nodes {
			for _, c := range compare.Changes(n, partner) {
				p.changes[c]++
			}
		}
	}
	return p.changes[c] < len(p.nodes)
}
