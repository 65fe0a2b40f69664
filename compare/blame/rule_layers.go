package blame

import (
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/compare"
)

// lateLayers finds the topmost layers none of whose files the scan has.
func (s *scene) lateLayers() {
	if !s.layered || !s.scanned {
		return
	}
	missing := s.missingLayers()
	first, last := 0, 0 // of the layers to blame
	for index, m := range missing {
		last = max(last, index)
		if !m && index >= first {
			first = index + 1
		}
	}
	if first <= 1 || first > last {
		return
	}
	added := false
	for _, it := range s.items {
		if source := s.source(it); source != nil && source.Layer.Index >= first {
			added = added || it.onlyOut() || it.has(compare.ContentDigest) || it.has(compare.Target) || it.has(compare.Type)
		}
	}
	if !added {
		return
	}
	for _, it := range s.items {
		if source := s.source(it); source != nil && source.Layer.Index >= first {
			s.claimAll(LateLayers, it, source)
		}
	}
	s.tell(LateLayers, Evidence{Text: s.inName + " has nothing of what the layers from this one on bring", Origin: &canon.Origin{Layer: s.layerAt(first)}})
}

// missingLayers tells for each layer that has files left in the tree whether
// all of them differ by more than a fraction of a second.
func (s *scene) missingLayers() map[int]bool {
	missing := map[int]bool{}
	for p, e := range s.out.All() {
		if e.Origin == nil || e.Origin.Layer == nil || e.Node.Kind == canon.Directory {
			continue
		}
		it := s.byPath[p]
		differs := it != nil && (it.onlyOut() || s.differsByLayers(it.Changes))
		if was, seen := missing[e.Origin.Layer.Index]; !seen || was {
			missing[e.Origin.Layer.Index] = differs
		}
	}
	return missing
}

// differsByLayers says that changes are more than a fraction of a second, and labels
// that both sides got when they were prepared for booting.
func (s *scene) differsByLayers(changes []compare.Change) bool {
	return slices.ContainsFunc(changes, func(c compare.Change) bool {
		return c.Field != compare.MtimeNsec && !(s.policy.Boot.Prepares() && c == labelChange)
	})
}

func (s *scene) layerAt(index int) *canon.Layer {
	for e := range s.out.Dirents() {
		if e.Origin != nil && e.Origin.Layer != nil && e.Origin.Layer.Index == index {
			return e.Origin.Layer
		}
	}
	return nil
}

// source is the last tar entry that decided about an item. For a name that is gone
// it is the marker, or the entry that took its place.
func (s *scene) source(it *item) *canon.Origin {
	if it.out != nil {
		return layerOrigin(it.out)
	}
	if m := s.hiding.over(it.Path, nil); m != nil {
		return m.Origin
	}
	if e := s.holder(it.Path).existing.out; e.Node.Kind != canon.Directory {
		return layerOrigin(e)
	}
	return nil
}

func layerOrigin(e *canon.Dirent) *canon.Origin {
	if e.Origin == nil || e.Origin.Layer == nil {
		return nil
	}
	return e.Origin
}

// duplicates finds attributes that come from an earlier entry of the same layer for
// the same path.
func (s *scene) duplicates() {
	for i := range s.out.Superseded {
		was := &s.out.Superseded[i]
		it := s.byPath[was.Path]
		if it == nil || it.in == nil || it.out == nil {
			continue
		}
		s.claim(DuplicateEntry, it, was.Dirent.Origin, func(c compare.Change) bool {
			return c.Field != compare.Links && !c.Differs(it.in.Node, was.Dirent.Node)
		})
	}
}

// markers finds names that a marker hides for some tools, and not for others.
func (s *scene) markers() {
	for _, it := range s.items {
		switch {
		case len(it.open) == 0:
		case it.Status == compare.Changed:
			s.hiddenAndBack(it)
		case it.onlyIn():
			m := s.hiding.over(it.Path, nil)
			if m == nil {
				continue
			}
			cause := WhiteoutIgnored
			// No engine has a way to make the root opaque.
			if m.Path != "/" && s.hasOwnEntries(m) {
				cause = orderCause(m)
			}
			s.claimAll(cause, it, m.Origin)
		default:
			if origin := layerOrigin(it.out); origin != nil {
				if m := s.hiding.over(it.Path, origin.Layer); m != nil {
					s.claimAll(orderCause(m), it, m.Origin)
				}
			}
		}
	}
}

// hiddenAndBack finds directories that a marker hides and that its own layer implies
// again: tools that ignore the marker still have the old directory.
func (s *scene) hiddenAndBack(it *item) {
	if !it.isDir() || it.out.Origin == nil || !it.out.Origin.Implicit {
		return
	}
	if m := s.hiding.over(it.Path, it.out.Origin.Layer); m != nil {
		s.claimFields(orderCause(m), it, m.Origin, compare.Mode, compare.UID, compare.GID, compare.Mtime, compare.MtimeNsec, compare.Xattr)
	}
}

func orderCause(m *canon.Marker) Cause {
	if m.Opaque {
		return OpaqueOrder
	}
	return WhiteoutOrder
}

// hasOwnEntries says that the layer of a marker itself has entries at or below the
// path that the marker hides.
func (s *scene) hasOwnEntries(m *canon.Marker) bool {
	own, known := s.hiding.own[m]
	if known {
		return own
	}
	if top := s.out.Lookup(m.Path); top != nil {
		if s.entries == nil {
			s.entries = newLayerEntries(s.out)
		}
		own = !m.Opaque && top.Origin.Layer == m.Origin.Layer || s.entries.below(top.Node, m.Origin.Layer)
	}
	s.hiding.own[m] = own
	return own
}

// whiteoutDevices finds device nodes of layers that overlayfs takes for
// whiteouts.
func (s *scene) whiteoutDevices() {
	for _, it := range s.items {
		if it.onlyOut() && it.out.Node.IsWhiteout() {
			s.claimAll(WhiteoutDevice, it, layerOrigin(it.out))
		}
	}
}

// whiteoutsInScan finds whiteouts and markers in the scan: only a layer's own
// directory has them, overlayfs never shows them.
func (s *scene) whiteoutsInScan() {
	for _, it := range s.items {
		if it.in == nil {
			continue
		}
		hidden, isMarker := strings.CutPrefix(it.in.Name, ".wh.")
		if it.onlyIn() && isMarker && hidden != "" || it.in.Node.IsWhiteout() && (it.out == nil || !it.out.Node.IsWhiteout()) {
			s.claimAll(WhiteoutInScan, it, nil)
		}
	}
}

// buildTimes finds entries of two images in which only the mtime differs: two builds
// gave it to them.
func (s *scene) buildTimes() {
	if s.scanned {
		return
	}
	for _, it := range s.items {
		if it.Status == compare.Changed && it.onlyMtime() {
			s.claimAll(BuildTime, it, layerOrigin(it.out))
		}
	}
}
