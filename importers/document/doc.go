// Package document holds JSON documents as they are written: their members in
// order, and edits that change nothing else. What a config or manifest means is
// not its business.
package document
