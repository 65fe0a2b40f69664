package selinux

import (
	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// Share gives one tree what it lacks and another has, by digests: a dump file has no
// content, but where its policy is that of the image, neither is anything taken on trust.
func Share(from, to *canon.Tree) {
	have := map[fsverity.Digest][]byte{}
	for e := range from.Dirents() {
		if c := e.Node.Content; c != nil && c.Held != nil {
			have[c.Digest] = c.Held
		}
	}
	for {
		missing, err := Missing(to)
		if err != nil || len(missing) == 0 {
			return
		}
		found := false
		for _, f := range missing {
			if held := have[f.Node.Content.Digest]; held != nil {
				f.Hold(held)
				found = true
			}
		}
		if !found {
			return
		}
	}
}
