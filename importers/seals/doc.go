// Package seals holds the seals of an image: in unified kernel images, labels,
// annotations and artifacts. Whether they are good is in compare/seals, how they
// are written in package rewrite.
package seals
