package dumpfile

import (
	"fmt"

	"cfsverify/canon"
)

// link is a hardlink line. Until all lines are read, its dirent leads to a
// placeholder: a node without a kind whose Size is the link's index.
type link struct {
	dir         *canon.Node
	name        string
	target      string
	placeholder *canon.Node
	line        int
	column      int
	following   bool
}

// addLink puts the placeholder of a hardlink into dir.
func (p *parser) addLink(dir *canon.Node, name string) error {
	target, present, err := p.optional(fieldPayload)
	switch {
	case err != nil:
		return err
	case !present:
		return p.fieldError(fieldPayload, "a hardlink needs the path of its target as PAYLOAD")
	}
	start := len(p.text)
	p.text, _ = components(p.text, cString(target))
	target = p.text[start:]
	if n := 1 + len(target); n > pathMax {
		return p.fieldError(fieldPayload, "the hardlink's target has %d bytes, the limit is %d", n, pathMax)
	}
	placeholder := &canon.Node{Size: uint64(len(p.links))}
	p.links = append(p.links, link{
		dir: dir, name: name, target: string(target), placeholder: placeholder,
		line: p.line, column: p.rec.column[fieldPayload],
	})
	dir.Put(canon.Dirent{Name: name, Node: placeholder})
	return nil
}

// resolveLinks replaces all placeholders by the nodes that they stand for.
func (p *parser) resolveLinks() error {
	at := cursor{root: p.root}
	var chain []*link
	for i := range p.links {
		l := &p.links[i]
		if l.following {
			continue
		}
		chain = chain[:0]
		for {
			l.following = true
			chain = append(chain, l)
			node := at.target(l)
			switch {
			case node == nil:
				return p.linkError(l, "there is no file %q for the hardlink", "/"+l.target)
			case node.Kind == canon.Directory:
				return p.linkError(l, "a hardlink to the directory %q: only other files can have hardlinks", "/"+l.target)
			case node == l.placeholder:
				return p.linkError(l, "a hardlink to itself")
			case node.Kind != 0:
				for _, l := range chain {
					l.dir.Put(canon.Dirent{Name: l.name, Node: node, Hardlink: true})
				}
			case p.links[node.Size].following:
				return p.linkError(l, "a cycle of hardlinks: %q leads back to this line", "/"+l.target)
			default:
				l = &p.links[node.Size]
				continue
			}
			break
		}
	}
	return nil
}

// target is the node that the link leads to, nil if there is none.
func (c *cursor) target(l *link) *canon.Node {
	if l.target == "" {
		return c.root
	}
	parent, name := splitPath([]byte(l.target))
	dir, _ := c.seek(parent)
	if dir == nil || dir.Kind != canon.Directory {
		return nil
	}
	if e := dir.Child(string(name)); e != nil {
		return e.Node
	}
	return nil
}

func (p *parser) linkError(l *link, format string, args ...any) error {
	e := &Error{Line: l.line, Column: l.column, Reason: fmt.Sprintf(format, args...)}
	for path, d := range (&canon.Tree{Root: p.root}).All() {
		if d.Node == l.placeholder {
			e.Path = path
			break
		}
	}
	return e
}
