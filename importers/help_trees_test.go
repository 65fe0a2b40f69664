package importers

import (
	"strings"

	"cfsverify/canon"
	"cfsverify/testdata/trees"
)

// explicitText is layerText of trees of which one has entries for what the other
// one implies.
func explicitText(tree *canon.Tree) string {
	return strings.ReplaceAll(trees.Text(tree), " implicit", "")
}
