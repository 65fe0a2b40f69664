package importers

import (
	"strings"

	"cfsverify/canon"
)

// rulesAgree says that both sets of rules do the same, entry by entry: there is
// no marker and nothing that composefs-rs refuses, and every entry finds its
// parent directory. It may deny that where they agree in the end.
func rulesAgree(layers []*LayerEntries) bool {
	directories := map[string]bool{"": true}
	for _, l := range layers {
		if l.oneZeroBlock {
			return false
		}
		for i := range l.entries {
			e := &l.entries[i]
			dir, base := splitPath(e.path)
			if l.quirks[i] != 0 || strings.HasPrefix(base, whiteoutPrefix) || !directories[dir] {
				return false
			}
			switch {
			case e.node.Kind == canon.Directory:
				directories[e.path] = true
			case directories[e.path]:
				return false
			}
		}
	}
	return true
}
