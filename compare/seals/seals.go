package seals

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/releases"
	"cfsverify/canon/seal"
	"cfsverify/compare/notes"
	"cfsverify/importers/layer"
)

// State is what a seal is found to be.
type State string

const (
	// Good: the digest is what it should be.
	Good State = "good"
	// Wrong: the digest is another one, or the signature is not valid.
	Wrong State = "wrong"
	// Unknown: the seal is of no known form, or nothing tells what it should be.
	Unknown State = "unknown"
)

// Subject is an image as seals are about it. File content is hashed with Hash.
type Subject struct {
	Hash fsverity.Algorithm
	// Policy is what a composefs image is made by, and Boot how one is made ready for
	// booting, but for kernel arguments, whose consumers decide that.
	Policy policy.Policy
	Boot   policy.BootRule
	// Tree is the image's, to which no policy was applied.
	Tree *canon.Tree
	// Stack is its layers.
	Stack *layer.Stack
	// Other is what other layer rules make of the image, nil if it is the same.
	Other *layer.OtherRules
	// Manifest and Config are as they are written, nil without one.
	Manifest, Config []byte
}

// Checked is a seal with what is found of it.
type Checked struct {
	seal.Seal
	State State
	// Why says why a seal is unknown, or that its signature is not valid; nil if there
	// is nothing to say.
	Why error
	// Expected are the digests that the seal may have, the likeliest first.
	Expected []Expected
	// Match is what gives the digest of a wrong seal, nil if nothing does that is
	// known, or if nothing was looked for.
	Match *Match
	// Searched says that a match was looked for to the end.
	Searched bool
	// SearchErr is a *TimeoutError or an *UntriedError if that did not come to its end, an
	// *UnreadError if something could not be tried, else nil.
	SearchErr error
	// Audiences are the consumers of a kernel argument, of which the first decides.
	Audiences []Audience
	// Signer is whose valid signature it has, empty if none was checked.
	Signer string
}

// Expected is one that a seal may have.
type Expected struct {
	Role seal.Role
	// Version is that of the composefs image, if it is of one.
	Version erofs.Version
	Digest  fsverity.Digest
}

// Match is an older state of an image, or another recipe, that gives a
// digest.
type Match struct {
	// Layers is how many of the lowest layers it takes: all, or for a layer alone 0,
	// if the recipe is what differs.
	Layers int
	Recipe recipe.Recipe
	// Since is what the layers above have changed, in what the recipe makes of it.
	Since []Change
}

// Options are what Check does besides.
type Options struct {
	// Trusted certificates, if not nil, must be what every digest that can be signed
	// is signed by; and there must be one that protects the image's files.
	Trusted []*x509.Certificate
	// Consumers are those of kernel arguments, the one that decides first. There must be
	// one.
	Consumers []releases.Consumer
	// RequireSecure: insecure seals are wrong.
	RequireSecure bool
	// Search has it look for what gives the digests of wrong seals. It does so no longer
	// than Timeout, if that is not 0, and keeps what it has found until then.
	Search  bool
	Timeout time.Duration
}

// Hashes are those that seals are of: Check needs a Subject with each.
func Hashes(found []seal.Seal) []fsverity.Algorithm {
	var hashes []fsverity.Algorithm
	for _, alg := range []fsverity.Algorithm{fsverity.SHA512, fsverity.SHA256} {
		if slices.ContainsFunc(found, func(f seal.Seal) bool { return f.Err == nil && f.Claim.Digest.Algorithm() == alg }) {
			hashes = append(hashes, alg)
		}
	}
	return hashes
}

// Result is what Check finds.
type Result struct {
	// Seals are in the order of those that were found.
	Seals []Checked
	// Trust is what signatures protect, nil without trusted certificates.
	Trust *Trust
	// Notes are about an image that has seals for booting.
	Notes []notes.Note
	// Other is what other layer rules make of the image, nil if it is the same.
	Other *layer.OtherRules
}

// Unsigned says that a digest which protects the image's files has to be signed, and none
// is.
func (r *Result) Unsigned() bool {
	return r.Trust != nil && slices.Contains(r.Trust.Unprotected, FilesPart)
}

// Good says that there are seals, that all are good, and that one is signed if one has to
// be.
func (r *Result) Good() bool {
	return len(r.Seals) > 0 && !r.Unsigned() && !slices.ContainsFunc(r.Seals, func(c Checked) bool { return c.State != Good })
}

// Check computes what seals should say. subjects are the image with content hashed by
// each of Hashes. Errors are those of ctx, and of trees that cannot be made.
func Check(ctx context.Context, found []seal.Seal, subjects []Subject, o Options) (*Result, error) {
	checked := make([]Checked, len(found))
	byHash := map[fsverity.Algorithm][]*Checked{}
	for i, f := range found {
		c := &checked[i]
		c.Seal, c.State = f, Unknown
		if f.Err != nil {
			c.Why = f.Err
			continue
		}
		alg := f.Claim.Digest.Algorithm()
		byHash[alg] = append(byHash[alg], c)
	}
	var checks []*sealCheck
	for _, alg := range Hashes(found) {
		i := slices.IndexFunc(subjects, func(s Subject) bool { return s.Hash == alg })
		if i < 0 {
			return nil, fmt.Errorf("there are seals of %v, and no image with that hash", alg)
		}
		check := &sealCheck{
			Subject: subjects[i], digests: map[digestOf]expectation{}, made: map[recipe.Recipe]expectation{}, otherMade: map[recipe.Recipe]expectation{},
			seals: byHash[alg], images: wanted{}, alone: map[int]wanted{},
		}
		for _, line := range commandLines(found) {
			check.judgeCommandLine(line, found, checked, o.Consumers)
		}
		for _, c := range check.seals {
			if !onCommandLine(&c.Seal) {
				check.judge(c)
			}
			check.signature(c, o.Trusted)
			check.holdByOtherRules(c)
			if o.RequireSecure && c.Claim.Insecure && c.State == Good {
				c.State, c.Why = Wrong, ErrInsecure
			}
		}
		checks = append(checks, check)
	}
	if o.Search {
		if err := search(ctx, checks, o.Timeout); err != nil {
			return nil, err
		}
	}
	result := &Result{Seals: checked}
	if o.Trusted != nil {
		result.Trust = trustOf(checked)
	}
	for _, s := range subjects {
		result.Other = s.Other
		if result.Notes == nil && slices.ContainsFunc(found, func(f seal.Seal) bool { return f.Err == nil && slices.Contains(rolesOf(f.Claim), seal.Bootable) }) {
			result.Notes = s.notes()
		}
	}
	return result, nil
}

// notes are those of an image that can be made ready for booting.
func (s *Subject) notes() []notes.Note {
	bootable, p := s.Tree.Clone(), s.Policy
	p.Boot = s.Boot
	if err := p.Apply(bootable); err != nil {
		return nil
	}
	return notes.OfBootable(s.Tree, bootable)
}

// ErrUnsigned says that a digest which must be signed is not.
var ErrUnsigned = errors.New("it is not signed")

// sealCheck checks seals of one hash.
type sealCheck struct {
	// incomplete says which older states of the image were not tried, and why: it is an
	// *UntriedError or *UnreadError, and nil if all were.
	incomplete error
	Subject
	digests map[digestOf]expectation
	// made and otherMade are the digests of the image by recipes, the latter of what other
	// layer rules make of it.
	made, otherMade map[recipe.Recipe]expectation
	seals           []*Checked
	// images are digests that are looked for, alone those of layers by their numbers.
	images wanted
	alone  map[int]wanted
}

// digestOf is what a digest is of; layer is 0 but for the role of one.
type digestOf struct {
	role    seal.Role
	layer   int
	version erofs.Version
}

type expectation struct {
	digest fsverity.Digest
	err    error
}

// judge compares a seal with what it may say.
func (s *sealCheck) judge(c *Checked) {
	var why error
	for _, role := range rolesOf(c.Claim) {
		versions := c.Claim.Versions
		if !role.IsImage() {
			versions = []erofs.Version{0}
		}
		for _, v := range versions {
			e := s.expected(digestOf{role, c.Layer, v})
			if e.err != nil {
				why = e.err
				continue
			}
			c.Expected = append(c.Expected, Expected{role, v, e.digest})
		}
	}
	switch {
	case c.Expected == nil:
		c.Why = why
	case slices.ContainsFunc(c.Expected, func(e Expected) bool { return e.Digest == c.Claim.Digest }):
		c.State = Good
	default:
		c.State = Wrong
	}
}

// rolesOf are those that a claim may mean.
func rolesOf(c seal.Claim) []seal.Role {
	if c.Role == "" {
		return []seal.Role{seal.Bootable, seal.Merged}
	}
	return []seal.Role{c.Role}
}

func (s *sealCheck) expected(of digestOf) expectation {
	e, known := s.digests[of]
	if !known {
		e.digest, e.err = s.compute(of)
		s.digests[of] = e
	}
	return e
}

func (s *sealCheck) compute(of digestOf) (fsverity.Digest, error) {
	document, tree, p := []byte(nil), s.Tree, s.Policy
	p.Boot = policy.BootNo
	switch of.role {
	case seal.Config:
		document = s.Config
	case seal.Manifest:
		document = s.Manifest
	case seal.Bootable:
		p.Boot = s.Boot
	case seal.Layer:
		var err error
		if tree, err = s.Stack.Alone(of.layer); err != nil {
			return fsverity.Digest{}, err
		}
		p = policy.Raw()
	}
	switch {
	case of.role.IsImage():
		return recipe.Recipe{Version: of.version, Hash: s.Hash, Policy: p}.Digest(tree)
	case document == nil:
		return fsverity.Digest{}, fmt.Errorf("the image has no %s", of.role)
	}
	return fsverity.SumBytes(s.Hash, document), nil
}

// signature checks that of a digest, if there is one or if there must be.
func (s *sealCheck) signature(c *Checked, trusted []*x509.Certificate) {
	canBeSigned := c.Place != seal.UKI && c.Place != seal.Cmdline && c.Place != seal.LoaderEntry && c.Place != seal.Label && c.Place != seal.Expected
	switch {
	case c.State != Good:
	case c.Signature == nil && canBeSigned && trusted != nil:
		c.State, c.Why = Unknown, ErrUnsigned
	case c.Signature == nil:
	case trusted == nil:
		if err := seal.ValidSignature(c.Signature); err != nil {
			c.State, c.Why = Unknown, err
		}
	default:
		signer, err := seal.Verify(c.Signature, c.Claim.Digest, trusted)
		if err != nil {
			c.State, c.Why = Wrong, err
		}
		c.Signer = signer
	}
}
