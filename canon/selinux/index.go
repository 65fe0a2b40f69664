package selinux

import (
	"bytes"

	"cfsverify/canon"
)

// index finds the rules that may match a path: those for this path only, and those whose
// fixed start is a start of the path. Lists of rules hold their numbers, in order.
type index struct {
	literal map[string][]int32
	starts  node
}

// node is a place in a trie of the fixed starts of patterns.
type node struct {
	bytes []byte
	next  []*node
	rules []int32
}

func (i *index) add(number int, r *rule) {
	if r.pattern.isLiteral {
		if i.literal == nil {
			i.literal = map[string][]int32{}
		}
		i.literal[r.pattern.prefix] = append(i.literal[r.pattern.prefix], int32(number))
		return
	}
	at := &i.starts
	for k := range len(r.pattern.prefix) {
		at = at.grow(r.pattern.prefix[k])
	}
	at.rules = append(at.rules, int32(number))
}

func (n *node) child(b byte) *node {
	for i, have := range n.bytes {
		if have == b {
			return n.next[i]
		}
	}
	return nil
}

func (n *node) grow(b byte) *node {
	if c := n.child(b); c != nil {
		return c
	}
	c := &node{}
	n.bytes, n.next = append(n.bytes, b), append(n.next, c)
	return c
}

// search gives the last rule that matches a path of a kind, nil if none does.
func (p *Policy) search(path []byte, kind canon.Kind, w *work) (*rule, error) {
	var best int32 = -1
	// Rules for this path only need not be tried.
	literal := p.index.literal[string(path)]
	for i := len(literal) - 1; i >= 0; i-- {
		if !w.add(1) {
			return nil, p.rules[literal[i]].tooMuchWork()
		}
		if p.rules[literal[i]].fits(kind) {
			best = literal[i]
			break
		}
	}
	var room [16][]int32
	lists := p.index.lists(path, best, room[:0])
	var text []byte
	for {
		// The last rule of all lists that is left.
		var from *[]int32
		for i := range lists {
			if l := lists[i]; len(l) > 0 && (from == nil || l[len(l)-1] > (*from)[len(*from)-1]) {
				from = &lists[i]
			}
		}
		if from == nil {
			break
		}
		number := (*from)[len(*from)-1]
		*from = (*from)[:len(*from)-1]
		if number < best {
			break
		}
		r := p.rules[number]
		if !w.add(1 + len(lists)/16) {
			return nil, r.tooMuchWork()
		}
		if !r.fits(kind) || p.stems && !r.isBelowStem(path) || !bytes.Contains(path[len(r.pattern.prefix):], []byte(r.pattern.needle)) {
			continue
		}
		if text == nil {
			text = append(appendLatin1(make([]byte, 0, len(path)+16), path), kindCodes[kind])
		}
		matched, err := r.matches(text, w)
		if err != nil {
			return nil, err
		}
		if matched {
			return r, nil
		}
	}
	if best < 0 {
		return nil, nil
	}
	return p.rules[best], nil
}

// lists appends the lists of rules whose fixed start the path has, but for those that
// end before a rule.
func (i *index) lists(path []byte, after int32, lists [][]int32) [][]int32 {
	at := &i.starts
	for k := 0; ; k++ {
		if n := len(at.rules); n > 0 && at.rules[n-1] > after {
			lists = append(lists, at.rules)
		}
		if k == len(path) {
			return lists
		}
		if at = at.child(path[k]); at == nil {
			return lists
		}
	}
}
