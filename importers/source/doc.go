// Package source holds the names of sources: how they are written, what a path without
// a transport is, and whether a transport fits what is there. It looks at names in a
// directory or archive, and at the first bytes of a file; to open what sources name is the
// business of the other rooms.
package source
