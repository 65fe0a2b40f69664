package trees

import (
	"strings"

	"cfsverify/canon"
)

// ExplicitText is Text of trees of which one has entries for what the other
// one implies.
func ExplicitText(tree *canon.Tree) string {
	return strings.ReplaceAll(Text(tree), " implicit", "")
}
