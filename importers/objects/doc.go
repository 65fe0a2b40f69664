// Package objects holds the content of files: a hasher, and the composefs content
// store that may keep what is hashed. Where content comes from is not its
// business.
package objects
