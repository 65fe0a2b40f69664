package compare

import (
	"path"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// names finds pairs of names that are one after folding: what file systems do
// with case and Unicode normalisation, and tools with bytes that are not UTF-8.
func (s *scene) names() {
	type key struct{ dir, name string }
	folded := map[key][]*item{}
	for _, it := range s.items {
		if it.onlyIn() && len(it.open) > 0 {
			k := key{path.Dir(it.Path), foldName(it.in.Name)}
			folded[k] = append(folded[k], it)
		}
	}
	if len(folded) == 0 {
		return
	}
	for _, it := range s.items {
		if !it.onlyOut() || len(it.open) == 0 {
			continue
		}
		candidates := folded[key{path.Dir(it.Path), foldName(it.out.Name)}]
		for _, other := range candidates {
			if len(other.open) > 0 && other.in.Node.Kind == it.out.Node.Kind {
				s.claimAll(NameEncoding, it, layerOrigin(it.out))
				s.claimAll(NameEncoding, other, layerOrigin(it.out))
				break
			}
		}
	}
}

func foldName(name string) string {
	valid := strings.ReplaceAll(strings.ToValidUTF8(name, "?"), "\ufffd", "?")
	for strings.Contains(valid, "??") {
		valid = strings.ReplaceAll(valid, "??", "?")
	}
	return cases.Fold().String(norm.NFC.String(valid))
}
