package blame

import (
	"path"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/compare"
)

// leftBehind are directories, among the volatile ones, in which programs also leave
// new files.
var leftBehind = [...]string{"/var/cache/", "/var/log/", "/var/tmp/", "/tmp/"}

func isLeftBehind(p string) bool {
	if path.Ext(p) == ".pyc" {
		return true
	}
	for _, dir := range leftBehind {
		if p != dir && strings.HasPrefix(p, dir) {
			return true
		}
	}
	return false
}

// contents finds files with other content, and explains their mtimes by that. If a
// dump file does not state a digest, the content may well be the same.
func (s *scene) contents() {
	same := 0
	for _, it := range s.items {
		if it.Status != compare.Changed || !it.has(compare.ContentDigest) && !it.has(compare.Target) || isDigestUnknown(it) && !it.has(compare.Size) {
			continue
		}
		cause := ContentChange
		if compare.IsVolatile(it.Path) {
			cause = VolatileContent
		} else if it.has(compare.ContentDigest) && !it.has(compare.Size) && it.in.Node.Size > canon.InlineMax {
			same++
		}
		s.claimFields(cause, it, layerOrigin(it.out), compare.ContentDigest, compare.Size, compare.Target, compare.Storage, compare.Payload, compare.Mtime, compare.MtimeNsec)
	}
	s.tellCount(ContentChange, same, "have the same size on both sides")
	s.leftBehind()
}

// leftBehind finds files that were written after unpacking, and the directories
// that Python makes for them.
func (s *scene) leftBehind() {
	for i := len(s.items) - 1; i >= 0; i-- {
		it := s.items[i]
		if !s.directed() || !it.onlyIn() || !s.stamped(it) {
			continue
		}
		if it.in.Node.Kind == canon.Regular && isLeftBehind(it.Path) || it.in.Name == "__pycache__" && s.holdsOnly(it, VolatileContent) {
			s.claimAll(VolatileContent, it, nil)
		}
	}
}

// holdsOnly says that all that is in a directory of one side has a certain cause.
func (s *scene) holdsOnly(it *item, cause Cause) bool {
	children := it.in.Node.Children()
	return len(children) > 0 && !slices.ContainsFunc(children, func(child canon.Dirent) bool {
		return s.causes[s.byPath[path.Join(it.Path, child.Name)]] != cause
	})
}
