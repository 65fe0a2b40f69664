package rewrite

import (
	"cmp"
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/importers/layer"
)

// What repair does to a layer without changing what the image shows.
const (
	// RootEntry: the layer gets an entry for the root directory.
	RootEntry RepairKind = "root-entry"
	// ParentEntries are for directories that the layer needs and has no entry for.
	ParentEntries RepairKind = "parent-entries"
	// ReplacedParents are directories, needed for what the layer has below them, in
	// the place of something else of a lower layer. Tools that follow symlinks make
	// something else of them.
	ReplacedParents RepairKind = "replaced-parents"
	// OpaqueMarkers are replaced by whiteouts of all that they hide.
	OpaqueMarkers RepairKind = "opaque-markers"
	// OtherWhiteouts hide nothing, or what the layer itself has: of a directory
	// that it makes again, the names that are gone get whiteouts.
	OtherWhiteouts RepairKind = "other-whiteouts"
	// AUFSNames have no meaning.
	AUFSNames RepairKind = "aufs-names"
	// RepeatedNames: only the last entry of a name stays.
	RepeatedNames RepairKind = "repeated-names"
	// LinkedNames are of inodes of lower layers that the layer gives another name:
	// a hardlink cannot lead out of its layer.
	LinkedNames RepairKind = "linked-names"
	// Order: entries stand in canonical order.
	Order RepairKind = "order"
	// Headers: the same entries are written in the canonical form.
	Headers RepairKind = "headers"
)

// RepairKinds lists all, those of layers first.
func RepairKinds() []RepairKind {
	return []RepairKind{RootEntry, ParentEntries, ReplacedParents, OpaqueMarkers, OtherWhiteouts, AUFSNames, RepeatedNames, LinkedNames, Order, Headers,
		SymlinkModes, OldTimes, LateTimes, ACLModes, MinimalACLs, ACLForms, UserCapabilities, LostXattrs}
}

// layerRepairer makes repaired layers, one after the other.
type layerRepairer struct {
	below layer.OCI
	// lower is the merged tree of the layers so far, normalised.
	lower *canon.Tree
	// changes are what was normalised in it.
	changes []RepairStep
}

func newLayerRepairer() *layerRepairer {
	return &layerRepairer{below: layer.NewOCI(true), lower: canon.NewTree()}
}

// next gives the tree of the next layer as it is to be written, and what was
// done to it.
func (r *layerRepairer) next(read *layer.Entries) (*canon.Tree, []RepairStep, error) {
	if err := r.below.Apply([]*layer.Entries{read}); err != nil {
		return nil, nil, err
	}
	merged := r.below.Tree.Clone()
	r.changes = normalise(merged)
	if merged.RootOrigin == nil {
		setRepairedRoot(merged)
	}
	lower := r.lower
	tree := layer.Copy(read, lower, merged, false)
	r.lower = merged
	for path := range tree.All() {
		if dir, name := layer.SplitPath(path); strings.HasPrefix(name, layer.WhiteoutPrefix) && canon.ValidName(name) != nil {
			return nil, nil, &canon.EntryError{Layer: read.Layer, Err: fmt.Errorf("the layer hides %q, and the name of a whiteout for that would be too long: build the layer without an opaque marker, or squash it with those below",
				dir+"/"+strings.TrimPrefix(name, layer.WhiteoutPrefix))}
		}
	}
	return tree, repairSteps(read, lower, tree), nil
}

// setRepairedRoot gives the root, for which no layer has an entry, the metadata
// that composefs-rs gives it, that of /usr. The mode 0 that it has else would
// lock everybody out.
func setRepairedRoot(t *canon.Tree) {
	t.Root.Perm = 0o755
	if usr := t.Root.Child("usr"); layer.IsDirectory(usr) {
		layer.SetStat(t.Root, usr.Node)
	}
}

// repairSteps compares a layer with the tree that is written in its place, on
// that of the layers below.
func repairSteps(read *layer.Entries, lower, tree *canon.Tree) []RepairStep {
	counts, firsts := map[RepairKind]int{}, map[RepairKind]string{}
	had := map[string]bool{}
	last := ""
	for i := range read.List {
		path := read.List[i].Path
		m, _ := layer.MarkerOf(path)
		written := tree.Lookup("/"+path) != nil
		switch {
		case m == layer.Opaque:
			counts[OpaqueMarkers]++
		case m == layer.AUFS:
			counts[AUFSNames]++
		case had[path]:
			counts[RepeatedNames]++
		case m == layer.Whiteout && !written:
			counts[OtherWhiteouts]++
		}
		if written && layer.CompareCanonical(path, last) < 0 {
			counts[Order] = 1
		}
		if written {
			last = path
		}
		had[path] = true
	}
	for path, e := range tree.All() {
		path = strings.TrimPrefix(path, "/")
		m, _ := layer.MarkerOf(path)
		switch {
		case had[path] || m != layer.NoMarker:
		case path == "":
			counts[RootEntry]++
		case e.Node.Kind == canon.Directory && isOther(lower.Lookup("/"+path)):
			counts[ReplacedParents]++
			firsts[ReplacedParents] = cmp.Or(firsts[ReplacedParents], "/"+path)
		case e.Node.Kind == canon.Directory:
			counts[ParentEntries]++
		default:
			counts[LinkedNames]++
		}
	}
	var steps []RepairStep
	for _, kind := range RepairKinds() {
		if counts[kind] > 0 {
			steps = append(steps, RepairStep{Kind: kind, Count: counts[kind], First: firsts[kind]})
		}
	}
	return steps
}

// isOther says that there is something else than a directory.
func isOther(e *canon.Dirent) bool { return e != nil && e.Node.Kind != canon.Directory }
