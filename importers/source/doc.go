// Package source holds the names of sources: how they are written, and what a path
// without a transport is. To open what they name is the business of the other
// rooms.
package source
