package policy

import (
	"fmt"

	"cfsverify/canon"
)

// RootError says that the tree, or its image, lacks what a rule for the root
// directory takes metadata from.
type RootError struct {
	// Rule is RootUsr, where /usr is missing or no directory, or RootCreated, where
	// no creation time is known.
	Rule RootRule
	// Usr is the kind of a /usr that is no directory, else 0.
	Usr canon.Kind
}

func (e *RootError) Error() string {
	switch {
	case e.Rule == RootCreated:
		return fmt.Sprintf("the rule %q for the root directory needs an image config with a creation time", e.Rule)
	case e.Usr != 0:
		return fmt.Sprintf("/usr is a %v, so the root cannot take its metadata", e.Usr)
	}
	return "there is no /usr whose metadata the root could take"
}

// RunError says that /run, which RunEmpty empties, is no directory.
type RunError struct{ Kind canon.Kind }

func (e *RunError) Error() string {
	return fmt.Sprintf("/run is a %v, so it cannot be emptied", e.Kind)
}
