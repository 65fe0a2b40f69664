// Package document holds JSON documents: how strictly they are read, and edits that
// change nothing else. What an index, manifest or config means is not its business.
package document
