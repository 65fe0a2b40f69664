// Package blame says what caused each difference of two trees: every change of every
// difference goes to exactly one cause, with its evidence and the tar entry that it
// lies in. What differs is found by compare; whether a finding is proven, accepted
// or told is not decided here.
package blame
