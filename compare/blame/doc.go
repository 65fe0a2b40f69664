// Package blame says what caused each difference of two trees: every change of every
// difference goes to exactly one cause, with its evidence and the tar entry that it
// lies in. Each rule_*.go holds the rules for one kind of cause. Finding what differs
// belongs to compare, proving a cause to proof, accepting one to gate.
package blame
