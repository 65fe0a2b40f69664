package dumpfile

import (
	"bytes"
	"slices"
	"strings"

	"cfsverify/canon"
)

// xattrs parses what follows the fixed fields.
func (p *parser) xattrs() (canon.Xattrs, error) {
	rest, column := p.rec.xattrs, p.rec.xattrsColumn
	if len(rest) == 0 {
		return nil, nil
	}
	if len(rest) > xattrTextMax {
		return nil, p.errorAt(column, "the xattrs take %d bytes of the line, the limit is %d", len(rest), xattrTextMax)
	}
	list := xattrList{xattrs: make(canon.Xattrs, 0, 1+bytes.Count(rest, []byte{' '}))}
	for len(rest) > 0 {
		entry, after, _ := bytes.Cut(rest, []byte{' '})
		name, value, err := p.xattr(entry, column)
		if err != nil {
			return nil, err
		}
		if !list.add(canon.Xattr{Name: name, Value: value}) {
			return nil, p.errorAt(column, "with xattr %q the xattrs of this file take %d bytes, the limit is %d",
				name, list.size, xattrBudget)
		}
		column += len(entry) + 1
		rest = after
	}
	return list.sorted(), nil
}

func (p *parser) xattr(entry []byte, column int) (name, value string, err error) {
	k, v, ok := bytes.Cut(entry, []byte{'='})
	switch {
	case len(entry) == 0:
		return "", "", p.errorAt(column, "two spaces: an xattr follows one space")
	case !ok:
		return "", "", p.errorAt(column, "xattr %q has no value: write KEY=VALUE", entry)
	}
	if k, err = p.unescape(k, column, "xattr key"); err != nil {
		return "", "", err
	}
	if v, err = p.unescape(v, column, "xattr value"); err != nil {
		return "", "", err
	}
	k = cString(k)
	switch {
	case len(k) == 0:
		return "", "", p.errorAt(column, "an xattr has no key: write KEY=VALUE")
	case len(k) > canon.XattrNameMax:
		return "", "", p.errorAt(column, "an xattr's key has %d bytes, the limit is %d", len(k), canon.XattrNameMax)
	}
	return p.intern(k), p.intern(v), nil
}

// intern keeps one string for all xattr names and values that are equal: there
// are few different ones.
func (p *parser) intern(b []byte) string {
	const entriesMax, lengthMax = 4096, 256
	if s, ok := p.interned[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(p.interned) < entriesMax && len(s) <= lengthMax {
		p.interned[s] = s
	}
	return s
}

// xattrList collects the xattrs of an inode in the order of their coming.
type xattrList struct {
	xattrs canon.Xattrs
	// size is what they count against xattrBudget.
	size int
	// costs is each name's share of size. It is nil, and size may count replaced
	// xattrs, until that makes a difference.
	costs map[string]int
}

// add reports whether the xattr fits. One of the same name gives way to it.
func (l *xattrList) add(x canon.Xattr) bool {
	if len(l.xattrs) == 0 {
		l.size = xattrHeader
	}
	cost := xattrCost(x)
	if l.costs == nil && l.size+cost > xattrBudget {
		l.costs = make(map[string]int, len(l.xattrs))
		l.size = xattrHeader
		for _, earlier := range l.xattrs {
			l.replace(earlier.Name, xattrCost(earlier))
		}
	}
	if l.costs != nil {
		l.replace(x.Name, cost)
	} else {
		l.size += cost
	}
	l.xattrs = append(l.xattrs, x)
	return l.size <= xattrBudget
}

func (l *xattrList) replace(name string, cost int) {
	l.size += cost - l.costs[name]
	l.costs[name] = cost
}

// sorted returns the xattrs in the order of their names, of each name the last.
func (l *xattrList) sorted() canon.Xattrs {
	ascending := true
	for i := 1; i < len(l.xattrs) && ascending; i++ {
		ascending = l.xattrs[i-1].Name < l.xattrs[i].Name
	}
	if ascending {
		return l.xattrs
	}
	slices.SortStableFunc(l.xattrs, func(a, b canon.Xattr) int { return strings.Compare(a.Name, b.Name) })
	last := l.xattrs[:0]
	for i, x := range l.xattrs {
		if i+1 == len(l.xattrs) || l.xattrs[i+1].Name != x.Name {
			last = append(last, x)
		}
	}
	return slices.Clone(last)
}

func xattrCost(x canon.Xattr) int { return xattrEntry + len(x.Name) + len(x.Value) }
