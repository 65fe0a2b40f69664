package proof

import (
	"strings"

	"cfsverify/canon"
	"cfsverify/compare"
	"cfsverify/compare/blame"
)

// Patch returns a copy of tree a in which the entries of the findings are as
// tree b has them. The trees may be those of before a policy was applied.
func Patch(a, b *canon.Tree, findings []blame.Finding) *canon.Tree {
	p := patch{taken: takenBy(findings), nodes: map[*canon.Node]*canon.Node{}, dirs: map[string]*canon.Node{}}
	t := *a
	for path, pair := range canon.Pairs(a, b) {
		if pair.A == nil {
			p.wait(path, pair)
			continue
		}
		p.putNew(path)
		p.put(path, pair)
	}
	p.putNew("")
	t.Root = p.dirs["/"]
	if p.taken["/"] != nil {
		t.RootOrigin = b.RootOrigin
	}
	p.countLinks(&t, a, b)
	return &t
}

// taken is what the patch takes from tree b at a path.
type taken struct {
	status  compare.Status
	changes []compare.Change
}

func takenBy(findings []blame.Finding) map[string]*taken {
	paths := map[string]*taken{}
	for _, f := range findings {
		for _, e := range f.Entries {
			t := paths[e.Path]
			if t == nil {
				t = &taken{status: e.Status}
				paths[e.Path] = t
			}
			t.changes = append(t.changes, e.Explained...)
		}
	}
	return paths
}

type patch struct {
	taken map[string]*taken
	// nodes are the copies of inodes that may have several names.
	nodes map[*canon.Node]*canon.Node
	// dirs are the directories that were made.
	dirs map[string]*canon.Node
	// waiting are in the order of their directories, from the root on; newTop is the
	// topmost of the new names that the last one is below, or the last one itself.
	waiting []newName
	newTop  string
}

// newName is a name that only tree b has. It waits until all other names below dir
// are there, the directory of tree a that lacks it: the first name that leads to an
// inode decides whose attributes the inode has.
type newName struct {
	path, dir string
	pair      canon.Pair
}

func (p *patch) wait(path string, pair canon.Pair) {
	if p.newTop == "" || !isBelow(path, p.newTop) {
		p.newTop = path
	}
	p.waiting = append(p.waiting, newName{path, parentOf(p.newTop), pair})
}

// putNew puts the new names of all directories that a path is not in.
func (p *patch) putNew(path string) {
	i := len(p.waiting)
	for i > 0 && !isBelow(path, p.waiting[i-1].dir) {
		i--
	}
	for _, n := range p.waiting[i:] {
		p.put(n.path, n.pair)
	}
	p.waiting = p.waiting[:i]
}

// put puts a name into its directory. A directory that is not there any more takes
// with it what was in it.
func (p *patch) put(path string, pair canon.Pair) {
	if path == "/" {
		p.merge(path, pair)
	} else if dir := p.dirs[parentOf(path)]; dir != nil && p.keeps(path, pair) {
		dir.Put(p.merge(path, pair))
	}
}

func parentOf(path string) string { return path[:max(strings.LastIndexByte(path, '/'), 1)] }

func isBelow(path, dir string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// keeps says that the patched tree has a path.
func (p *patch) keeps(path string, pair canon.Pair) bool {
	t := p.taken[path]
	switch {
	case pair.A == nil:
		return t != nil && t.status == compare.OnlyInB
	case pair.B == nil:
		return t == nil || t.status != compare.OnlyInA
	}
	return true
}

// merge makes the dirent of a path: that of tree a with the changes that are taken,
// or that of the only tree that has the path.
func (p *patch) merge(path string, pair canon.Pair) canon.Dirent {
	base, changes := pair.A, []compare.Change(nil)
	if base == nil {
		base = pair.B
	} else if t := p.taken[path]; t != nil && pair.B != nil {
		changes = t.changes
	}
	e, source := *base, base.Node
	if compare.HasField(changes, compare.Links) || compare.HasField(changes, compare.Type) {
		e.Hardlink, source = pair.B.Hardlink, pair.B.Node
	}
	e.Node = p.nodes[source]
	if e.Node == nil {
		e.Node = copyStat(base.Node)
		e.Node.Nlink = source.Nlink
		if base.Node.Kind != canon.Directory || source.Kind != canon.Directory {
			p.nodes[source] = e.Node
		}
	}
	if len(changes) > 0 {
		compare.Copy(changes, e.Node, pair.B.Node)
	}
	if e.Node.Kind == canon.Directory {
		p.dirs[path] = e.Node
	}
	return e
}

func copyStat(n *canon.Node) *canon.Node {
	c := *n
	c.RemoveAll()
	c.Xattrs = n.Xattrs.Clone()
	return &c
}

// countLinks sets Nlink of the inodes whose number of names is not that of the
// inode they were made of; dump files may state any number for the others.
func (p *patch) countLinks(t, a, b *canon.Tree) {
	links, linksA, linksB := t.Hardlinks(), a.Hardlinks(), b.Hardlinks()
	for source, n := range p.nodes {
		// The source is in one of the trees only, and counts once for the other.
		if names := links.Count(n); names != max(linksA.Count(source), linksB.Count(source)) {
			n.Nlink = names
		}
	}
}
