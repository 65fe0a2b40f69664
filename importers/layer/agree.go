package layer

import (
	"strings"

	"cfsverify/canon"
)

// rulesAgree says that both sets of rules do the same, entry by entry: there is
// no marker and nothing that composefs-rs refuses, and every entry finds its
// parent directory. It may deny that where they agree in the end.
func rulesAgree(layers []*Entries) bool {
	directories := map[string]bool{"": true}
	for _, l := range layers {
		if l.oneZeroBlock || l.endsInHeader {
			return false
		}
		for i := range l.List {
			e := &l.List[i]
			dir, base := SplitPath(e.Path)
			if l.quirks[i] != 0 || strings.HasPrefix(base, WhiteoutPrefix) || !directories[dir] {
				return false
			}
			switch {
			case e.Node.Kind == canon.Directory:
				directories[e.Path] = true
			case directories[e.Path]:
				return false
			}
		}
	}
	return true
}
