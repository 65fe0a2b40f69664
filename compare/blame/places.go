package blame

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// place is what both sides have at the path of a directory, and what all of it that is
// above says of names in it. Many names ask for the same one.
type place struct {
	above   *place // nil for the root
	in, out *canon.Dirent
	// setgid: it or one above is setgid on either side, as an engine may have cleared
	// the bit of some.
	setgid bool
	// existing is the nearest place that out has, this one or one above.
	existing *place
	// acl is what out's default ACLs give what is made here.
	acl linux.ACL
}

func (s *scene) place(dir string) *place {
	p := s.places[dir]
	if p != nil {
		return p
	}
	p = &place{}
	if dir == "/" {
		p.in, p.out = s.in.Lookup("/"), s.out.Lookup("/")
	} else {
		p.above = s.place(path.Dir(dir))
		name := path.Base(dir)
		p.in, p.out = childOf(p.above.in, name), childOf(p.above.out, name)
		p.setgid, p.existing, p.acl = p.above.setgid, p.above.existing, p.above.acl
	}
	for _, e := range []*canon.Dirent{p.in, p.out} {
		p.setgid = p.setgid || e != nil && e.Node.Perm&0o2000 != 0
	}
	if p.out != nil {
		p.existing = p
		if list := layerACL(p.out, linux.DefaultACL); list != nil {
			p.acl = list
		}
	}
	s.places[dir] = p
	return p
}

func childOf(e *canon.Dirent, name string) *canon.Dirent {
	if e == nil {
		return nil
	}
	return e.Node.Child(name)
}

// holder is the place that holds a path.
func (s *scene) holder(p string) *place { return s.place(path.Dir(p)) }

// markerKey is a path at which a layer has markers, or any layer if layer is nil.
type markerKey struct {
	path  string
	layer *canon.Layer
}

// markersAt are the topmost marker at a path, and the topmost whiteout.
type markersAt struct{ any, whiteout *canon.Marker }

// markers are those of out, as rules ask for them.
type markers struct {
	at map[markerKey]markersAt
	// above remembers what markersAbove finds.
	above map[markerKey]*canon.Marker
	// sorted are in the order of their paths.
	sorted []*canon.Marker
	// own remembers what hasOwnEntries says.
	own map[*canon.Marker]bool
}

func newMarkers(t *canon.Tree) *markers {
	m := &markers{map[markerKey]markersAt{}, map[markerKey]*canon.Marker{}, make([]*canon.Marker, len(t.Markers)), map[*canon.Marker]bool{}}
	for i := range t.Markers {
		marker := &t.Markers[i]
		m.sorted[i] = marker
		for _, layer := range []*canon.Layer{nil, marker.Origin.Layer} {
			key := markerKey{marker.Path, layer}
			at := m.at[key]
			at.any = topmost(at.any, marker)
			if !marker.Opaque {
				at.whiteout = topmost(at.whiteout, marker)
			}
			m.at[key] = at
		}
	}
	slices.SortStableFunc(m.sorted, func(a, b *canon.Marker) int { return cmp.Compare(a.Path, b.Path) })
	return m
}

// topmost is the first of two markers unless the other's layer is above.
func topmost(first, other *canon.Marker) *canon.Marker {
	if first == nil || other != nil && other.Origin.Layer.Index > first.Origin.Layer.Index {
		return other
	}
	return first
}

// over is the topmost marker that hides a path, the nearest one if a layer has several,
// or the nearest of a certain layer if layer is not nil.
func (m *markers) over(p string, layer *canon.Layer) *canon.Marker {
	if len(m.at) == 0 {
		return nil
	}
	found := m.at[markerKey{p, layer}].whiteout
	if p == "/" {
		return found
	}
	return topmost(found, m.around(path.Dir(p), layer))
}

// around is the topmost marker that hides names in a directory.
func (m *markers) around(dir string, layer *canon.Layer) *canon.Marker {
	key := markerKey{dir, layer}
	found, known := m.above[key]
	if known {
		return found
	}
	found = m.at[key].any
	if dir != "/" {
		found = topmost(found, m.around(path.Dir(dir), layer))
	}
	m.above[key] = found
	return found
}

// from gives the markers at a path and below it, in their own order.
func (m *markers) from(p string) []*canon.Marker {
	find := func(p string) int {
		i, _ := slices.BinarySearchFunc(m.sorted, p, func(m *canon.Marker, p string) int { return cmp.Compare(m.Path, p) })
		return i
	}
	var list []*canon.Marker
	for _, marker := range m.sorted[find(p):] {
		if marker.Path != p {
			break
		}
		list = append(list, marker)
	}
	for _, marker := range m.sorted[find(p+"/"):] {
		if !strings.HasPrefix(marker.Path, p+"/") {
			break
		}
		list = append(list, marker)
	}
	return list
}

// layerEntries say where in a tree's order the entries of its layers are, and what is
// below its directories.
type layerEntries struct {
	numbers map[*canon.Layer][]int
	ends    map[*canon.Node][2]int
}

func newLayerEntries(t *canon.Tree) *layerEntries {
	l := &layerEntries{map[*canon.Layer][]int{}, map[*canon.Node][2]int{}}
	number := 0
	var walk func(n *canon.Node)
	walk = func(n *canon.Node) {
		first := number
		children := n.Children()
		for i := range children {
			e := &children[i]
			if o := layerOrigin(e); o != nil {
				l.numbers[o.Layer] = append(l.numbers[o.Layer], number)
			}
			number++
			if e.Node.Kind == canon.Directory {
				walk(e.Node)
			}
		}
		l.ends[n] = [2]int{first, number}
	}
	walk(t.Root)
	return l
}

// below says that a layer has an entry below a directory.
func (l *layerEntries) below(dir *canon.Node, layer *canon.Layer) bool {
	span, numbers := l.ends[dir], l.numbers[layer]
	i, _ := slices.BinarySearch(numbers, span[0])
	return i < len(numbers) && numbers[i] < span[1]
}
