package tarfile

import "cfsverify/canon"

// Departure is one from a Rule.
type Departure struct {
	Rule  Rule
	Layer *canon.Layer
	// Entry counts as canon.Origin.Entry does; 0 is the archive as a whole.
	Entry int
	// Path is the one in the image that it is about, "/" for the root; empty if
	// about none.
	Path string
	// Detail says what is there, if the rule does not say all. Names in it are
	// quoted as Go strings.
	Detail string
}
