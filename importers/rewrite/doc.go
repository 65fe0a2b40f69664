// Package rewrite holds images that are written anew: repaired ones, and ones that
// get seals. Where they are written to is in package layout.
package rewrite
