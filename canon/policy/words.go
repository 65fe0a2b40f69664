package policy

import (
	"fmt"
	"slices"
)

// Words are those of a policy as JSON documents have them.
type Words struct {
	Root      RootRule     `json:"root"`
	DirMtime  DirMtimeRule `json:"dirMtime"`
	Run       RunRule      `json:"run"`
	Xattrs    XattrRule    `json:"xattrs"`
	Mtime     MtimeRule    `json:"mtime"`
	Boot      BootRule     `json:"boot"`
	Hardlinks LinkRule     `json:"hardlinks"`
}

// Words gives the policy's.
func (p Policy) Words() Words {
	return Words{p.Root, p.DirMtime, p.Run, p.Xattrs, p.Mtime, p.Boot, p.Links}
}

// Policy gives the policy of these words. A word that is not known is an error.
func (w Words) Policy() (Policy, error) {
	for _, err := range []error{
		known(w.Root, RootRules()), known(w.DirMtime, DirMtimeRules()), known(w.Run, RunRules()), known(w.Xattrs, XattrRules()),
		known(w.Mtime, MtimeRules()), known(w.Boot, BootRules()), known(w.Hardlinks, LinkRules()),
	} {
		if err != nil {
			return Policy{}, err
		}
	}
	return Policy{Root: w.Root, DirMtime: w.DirMtime, Run: w.Run, Xattrs: w.Xattrs, Mtime: w.Mtime, Boot: w.Boot, Links: w.Hardlinks}, nil
}

func known[T ~string](word T, words []T) error {
	if !slices.Contains(words, word) {
		return fmt.Errorf("unknown word %q of a policy", word)
	}
	return nil
}

// After is the policy that does at once what an earlier one and then p do, as far as words
// can say it.
func (p Policy) After(earlier Policy) Policy {
	if p.Root == RootKeep {
		p.Root = earlier.Root
	}
	if earlier.DirMtime == DirMtimeNewestChild {
		p.DirMtime = DirMtimeNewestChild
	}
	if earlier.Run == RunEmpty {
		p.Run = RunEmpty
	}
	// Each rule keeps less than the one before it.
	order := []XattrRule{XattrAll, XattrUser, XattrAllowlist, XattrNone}
	p.Xattrs = order[max(slices.Index(order, p.Xattrs), slices.Index(order, earlier.Xattrs))]
	if earlier.Mtime == MtimeSeconds {
		p.Mtime = MtimeSeconds
	}
	if !p.Boot.Prepares() {
		p.Boot = earlier.Boot
	}
	if p.Links == LinksKeep {
		p.Links = earlier.Links
	}
	return p
}
