package blame

import (
	"path"
	"strings"

	"cfsverify/canon"
)

// followMax is how many symlinks tools follow at most: the kernel 40, others
// up to 255.
const followMax = 255

// symlinks follows those of a tree, and remembers where they lead.
type symlinks struct {
	tree *canon.Tree
	// next is where a path leads, itself if it is no symlink.
	next map[string]string
	// ends are where paths lead in the end, and over how many symlinks.
	ends map[string]symlinkEnd
}

type symlinkEnd struct {
	path  string
	links int
}

// resolve follows the symlink at a path, and those on its way.
func (s *symlinks) resolve(p string) string {
	var way []string
	for links := 0; links < followMax; links++ {
		end, known := s.ends[p]
		if next := s.follow(p); !known && next != p {
			way = append(way, p)
			p = next
			continue
		}
		if !known {
			end = symlinkEnd{p, 0}
			s.ends[p] = end
		}
		if links+end.links > followMax {
			p = s.follow(p)
			continue
		}
		for i, from := range way {
			s.ends[from] = symlinkEnd{end.path, len(way) - i + end.links}
		}
		return end.path
	}
	return p
}

// follow follows one symlink.
func (s *symlinks) follow(p string) string {
	next, known := s.next[p]
	if !known {
		next = p
		if e := s.tree.Lookup(p); e != nil && e.Node.Kind == canon.Symlink {
			next = s.resolveParents(path.Clean(targetOf(p, e.Node)))
		}
		s.next[p] = next
	}
	return next
}

// targetOf is where a symlink at a path leads.
func targetOf(p string, n *canon.Node) string {
	if path.IsAbs(n.Target) {
		return n.Target
	}
	return path.Join(path.Dir(p), n.Target)
}

// resolveParents follows the symlinks on the way to a path, each once.
func (s *symlinks) resolveParents(p string) string {
	at, e := []byte{}, s.tree.Lookup("/")
	for name := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
		if name == "" {
			continue
		}
		at = append(append(at, '/'), name...)
		if e = childOf(e, name); e != nil && e.Node.Kind == canon.Symlink && string(at) != p {
			target := path.Clean(targetOf(string(at), e.Node))
			at, e = append(at[:0], strings.TrimSuffix(target, "/")...), s.tree.Lookup(target)
		}
	}
	if len(at) == 0 {
		return "/"
	}
	return string(at)
}

// has says that a tree has at a dirent all that a directory holds.
func has(e *canon.Dirent, dir *canon.Node) bool {
	if e == nil {
		return false
	}
	children := dir.Children()
	for i := range children {
		child := &children[i]
		at := e.Node.Child(child.Name)
		if at == nil || child.Node.Kind == canon.Directory && !has(at, child.Node) {
			return false
		}
	}
	return true
}
