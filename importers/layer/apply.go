package layer

import (
	"fmt"
	"strings"

	"cfsverify/canon"
)

// Rules say how the entries of layers make one tree.
type Rules string

const (
	// RulesOCI are those of the OCI image-spec, layer.md: a marker acts on the
	// layers below wherever it stands in its layer. Where the specification is
	// silent they do what overlayfs shows of layers unpacked one by one:
	// directories that no layer has an entry for come into being (0755, 0:0,
	// mtime 0), also in place of a non-directory of a layer below.
	RulesOCI Rules = "oci"
	// RulesComposefsRS are those of composefs-rs 0.9: entries, markers included,
	// act one by one on all that stands before them, and a parent directory must
	// be there.
	RulesComposefsRS Rules = "composefs-rs"
)

// AllRules lists them.
func AllRules() []Rules { return []Rules{RulesOCI, RulesComposefsRS} }

// Merged is the tree of an image's layers.
type Merged struct {
	Tree *canon.Tree
	// Other is set if the other rules treat the layers in another way.
	Other *OtherRules
}

// Merge makes the tree of layers, as Apply does, and finds out what other
// rules make of them.
func Merge(layers []*Entries, rules Rules) (*Merged, error) {
	return merge(layers, rules, false)
}

// MergeTaking is Merge, but may take the nodes of the layers for the tree: no other
// tree can be made of them afterwards.
func MergeTaking(layers []*Entries, rules Rules) (*Merged, error) {
	return merge(layers, rules, true)
}

func merge(layers []*Entries, rules Rules, takes bool) (*Merged, error) {
	var other *OtherRules
	if !rulesAgree(layers) {
		other = applyOther(layers, rules)
	}
	tree, err := applyLayers(layers, rules, takes)
	if err != nil {
		return nil, err
	}
	if other != nil {
		other = other.against(tree)
	}
	return &Merged{tree, other}, nil
}

// Apply makes a tree of layers, lowest first. No node of it belongs to
// another tree, so it can be changed; Contents are shared between all trees
// made of the same layers. Errors are canon.EntryErrors.
func Apply(layers []*Entries, rules Rules) (*canon.Tree, error) {
	return applyLayers(layers, rules, false)
}

// applyLayers may take the nodes of the layers for the tree. Then no other tree
// can be made of the layers.
func applyLayers(layers []*Entries, rules Rules, takes bool) (*canon.Tree, error) {
	a := applier{Tree: canon.NewTree(), takes: takes}
	if err := a.apply(layers, rules); err != nil {
		return nil, err
	}
	return a.Tree, nil
}

// applier holds what both sets of rules do alike.
type applier struct {
	Tree  *canon.Tree
	Layer *Entries
	// takes: the nodes of the layers become those of the tree.
	takes bool
	// removals, if not nil, gets what layers remove; see Stack.Removals.
	removals map[string]Removal
}

// apply puts layers on those that were applied before by the same rules.
func (a *applier) apply(layers []*Entries, rules Rules) error {
	var err error
	switch rules {
	case RulesOCI:
		oci := OCI{*a}
		err = oci.Apply(layers)
	case RulesComposefsRS:
		rs := composefsApplier{applier: *a}
		err = rs.apply(layers)
	default:
		err = fmt.Errorf("unknown rules %q for layers", rules)
	}
	for _, l := range layers {
		if l.newest.Compare(a.Tree.NewestEntry) > 0 {
			a.Tree.NewestEntry = l.newest
		}
	}
	return err
}

// inode is that of entry i, which is no hardlink.
func (a *applier) inode(i int) *canon.Node {
	e := &a.Layer.List[i]
	if a.takes {
		return e.Node
	}
	return e.newNode()
}

func (a *applier) origin(i int) *canon.Origin {
	return &canon.Origin{Layer: a.Layer.Layer, Entry: int32(a.Layer.number(i)), Header: a.Layer.List[i].Header}
}

func (a *applier) errorf(i int, format string, args ...any) error {
	return &canon.EntryError{Layer: a.Layer.Layer, Entry: a.Layer.number(i), Path: a.Layer.List[i].Path, Err: fmt.Errorf(format, args...)}
}

// setRoot applies entry i, which is for the root directory.
func (a *applier) setRoot(i int) {
	SetStat(a.Tree.Root, a.inode(i))
	a.Tree.RootOrigin = a.origin(i)
}

// put gives entry i's name to an inode. A directory over a directory leaves
// what is in it.
func (a *applier) put(i int, parent *canon.Node, n *canon.Node) {
	_, name := SplitPath(a.Layer.List[i].Path)
	old := parent.Child(name)
	a.supersede(i, old)
	if n.Kind == canon.Directory && old != nil && old.Node.Kind == canon.Directory {
		SetStat(old.Node, n)
		old.Origin = a.origin(i)
		return
	}
	if old != nil {
		a.remove(i, Replaced, a.Layer.List[i].Path, old.Node.Children())
	}
	parent.Put(canon.Dirent{Name: name, Node: n, Origin: a.origin(i)})
}

// supersede notes that entry i gives a name again that an entry of its layer
// gave before.
func (a *applier) supersede(i int, old *canon.Dirent) {
	if old == nil || old.Origin.Layer != a.Layer.Layer || old.Origin.Implicit {
		return
	}
	was := *old.Node
	was.RemoveAll()
	a.Tree.Superseded = append(a.Tree.Superseded, canon.Superseded{
		Path: "/" + a.Layer.List[i].Path, Dirent: canon.Dirent{Name: old.Name, Node: &was, Origin: old.Origin}})
}

// mark notes the marker that entry i is: for a name in dir, or, without a name,
// for all of dir.
func (a *applier) mark(i int, dir, hidden string) {
	a.Tree.Markers = append(a.Tree.Markers, canon.Marker{Path: "/" + JoinPath(dir, hidden), Opaque: hidden == "", Origin: a.origin(i)})
}

// imply notes that entry i needs a directory that its layer has no entry for,
// or none so far: an entry that comes later brings an origin of its own.
func (a *applier) imply(i int, dir *canon.Dirent) {
	was := dir.Origin
	if was.Layer != a.Layer.Layer && (was.ImpliedBy == nil || was.ImpliedBy.Layer != a.Layer.Layer) {
		// A tree that was copied has the same origin.
		now := *was
		now.ImpliedBy = a.origin(i)
		dir.Origin = &now
	}
}

// SetStat gives a directory the metadata of another one.
func SetStat(dir, from *canon.Node) {
	dir.Perm, dir.UID, dir.GID, dir.Mtime, dir.Xattrs = from.Perm, from.UID, from.GID, from.Mtime, from.Xattrs
}

// putImplicit makes a directory that entry i needs and nobody has an entry for.
func (a *applier) putImplicit(i int, parent *canon.Node, name string) *canon.Node {
	origin := a.origin(i)
	origin.Implicit = true
	n := &canon.Node{Kind: canon.Directory, Perm: 0o755}
	parent.Put(canon.Dirent{Name: name, Node: n, Origin: origin})
	return n
}

// Find gives the node at a clean path, nil if there is none. It follows no
// symlinks.
func (a *applier) Find(path string) *canon.Node {
	n := a.Tree.Root
	for path != "" && n != nil {
		name, rest, _ := strings.Cut(path, "/")
		child := n.Child(name)
		if child == nil {
			return nil
		}
		n, path = child.Node, rest
	}
	return n
}

// linkTarget finds what the hardlink entry i leads to.
func (a *applier) linkTarget(i int) (*canon.Node, error) {
	path := a.Layer.List[i].Node.Target
	n := a.Find(path)
	switch {
	case n == nil:
		return nil, fmt.Errorf("the hardlink's target %q is not there", path)
	case n.Kind == canon.Directory:
		return nil, fmt.Errorf("the hardlink's target %q is a directory", path)
	}
	return n, nil
}
