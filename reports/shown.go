package reports

import (
	"fmt"

	"cfsverify/compare"
	"cfsverify/compare/blame"
)

// Bounds of what a report lists: a person cannot look at more, and programs and browsers
// cannot hold it. What was found is counted as a whole, and verdicts are made of all.
const (
	// differencesMax is how many differences there are at most, in JSON and in a page.
	differencesMax = 50_000
	// jsonIndented is up to how many differences JSON is indented.
	jsonIndented = 5_000
)

// shown are the differences that a report lists, with the entries of findings that they
// are in.
type shown struct {
	// paths are those of the differences, nil for all.
	paths   map[string]bool
	leftOut int
}

// shownOf chooses so many of the differences at most: the first of each finding, and then
// the first of all.
func shownOf(differences []compare.Difference, findings []blame.Finding, most int) shown {
	if len(differences) <= most {
		return shown{}
	}
	s := shown{paths: map[string]bool{}}
	for _, f := range findings {
		for _, e := range f.Entries[:min(max(most/len(findings), 1), len(f.Entries))] {
			s.paths[e.Path] = true
		}
	}
	for _, d := range differences {
		if len(s.paths) < most {
			s.paths[d.Path] = true
		}
	}
	s.leftOut = len(differences) - len(s.paths)
	return s
}

func (s shown) has(path string) bool { return s.paths == nil || s.paths[path] }

// text says what is left out, empty if nothing is.
func (s shown) text(all int) string {
	if s.leftOut == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d entries that differ are in this page: the others had no room.", all-s.leftOut, all)
}

// compactJSON is written without indentation.
type compactJSON struct{ doc any }

func compactIfLong(doc any, differences int) any {
	if differences > jsonIndented {
		return compactJSON{doc}
	}
	return doc
}
