package tarfile

import "cfsverify/canon"

// Departure is one from a Rule.
type Departure struct {
	Rule  Rule
	Layer *canon.Layer
	// Entry counts as canon.Origin.Entry does; 0 is the archive as a whole.
	Entry int
	// Path is the path in the image that the departure is about, "/" for the root;
	// empty if it is about no path.
	Path string
	// Detail is what the archive has there, empty if the rule says it all. Names in
	// it are quoted as Go strings.
	Detail string
}
