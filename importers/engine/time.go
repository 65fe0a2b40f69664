package engine

import "cfsverify/canon"

// TimeAfter is a time of unpacking: after all in a tree but those that no unpacking comes
// after. It has nanoseconds, as such times have.
func TimeAfter(t *canon.Tree) canon.Time {
	const year9999 = 253402300799
	after := canon.Time{Nsec: 123456789}
	for e := range t.Dirents() {
		if sec := e.Node.Mtime.Sec; sec < year9999 && sec >= after.Sec {
			after.Sec = sec + 1
		}
	}
	return after
}
