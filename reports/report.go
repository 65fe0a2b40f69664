// Package reports presents a comparison of two root file systems. Report is
// the one model; Text, JSON, Markdown, JUnit and HTML write it, and Annotations
// its findings. A Prediction, and a comparison of bytes, have some forms of their
// own.
package reports

import (
	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/proof"
)

// Report is the outcome of comparing two sources.
type Report struct {
	Recipe      Recipe
	A, B        Side
	Differences []compare.Difference
	// Findings give every difference a cause.
	Findings []blame.Finding
	// Proof is what was computed about the findings, nil if nothing was.
	Proof *proof.Proof
	// Masked is what the policy hides, nil if nobody asked.
	Masked *Masked
	// Gate is set if differences may be accepted.
	Gate *Gate
}

// Masked are differences that the trees had before the policy was applied.
type Masked struct {
	Differences []compare.Difference
	Findings    []blame.Finding
}

// Equal says that both digests are the same.
func (r *Report) Equal() bool { return r.A.Digest == r.B.Digest }

// Recipe is how both digests were computed.
type Recipe struct {
	ErofsVersion int
	Hash         fsverity.Algorithm
	Policy       policy.Policy
	LayerRules   string
}

// Side is one of the two sources.
type Side struct {
	// Name is how the report calls the side: "inside" or "outside" where the
	// user says which is which.
	Name string
	// Source is the source as the user may write it.
	Source string
	// Tree is what was compared: with the policy applied.
	Tree *canon.Tree
	// Entries is the number of names, the root included.
	Entries int
	// Digest is the fs-verity digest of the composefs image.
	Digest fsverity.Digest
	// Layers are those of an image, lowest first.
	Layers []*canon.Layer
	// OtherRules is set if other layer rules treat the image in another way.
	OtherRules *OtherRules
}

// OtherRules tells what layer rules that were not used make of an image.
type OtherRules struct {
	Rules string
	// Refusal is why those rules refuse the image, empty if they do not.
	Refusal string
	// Digest and Differences compare the result with that of the rules used,
	// unless there is a Refusal.
	Digest      fsverity.Digest
	Differences []compare.Difference
	Events      []RuleEvent
}

// RuleEvent is a tar entry that the rules treat differently. Entry is 0 for a
// layer as a whole; Layer is nil if no single entry makes the difference.
type RuleEvent struct {
	Layer  *canon.Layer
	Entry  int
	Path   string
	Effect string
}
