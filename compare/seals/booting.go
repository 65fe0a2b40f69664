package seals

import (
	"errors"
	"fmt"
	"slices"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/recipe"
	"cfsverify/canon/releases"
	"cfsverify/canon/seal"
)

// Audience is what a consumer makes of a seal on a kernel command line.
type Audience struct {
	releases.Consumer
	// Digest is what the consumer computes of the image, zero if it cannot, which Err then
	// says.
	Digest fsverity.Digest
	Err    error
	// Reads: this is the seal that it reads; ReadsOther: it reads another one of the
	// command line.
	Reads, ReadsOther bool
	// Accepts: it takes the image with this command line.
	Accepts bool
	// Unknown: a booted system does not know by this command line that it is a composefs one.
	Unknown bool
}

// onCommandLine says that a seal is a kernel argument.
func onCommandLine(f *seal.Seal) bool {
	return (f.Place == seal.UKI || f.Place == seal.Cmdline) && f.Key != ""
}

// commandLines lists the kernel arguments on each command line, by their numbers among the
// seals that were found. Those of one command line follow each other.
func commandLines(found []seal.Seal) [][]int {
	var lists [][]int
	for i := range found {
		f := &found[i]
		if !onCommandLine(f) {
			continue
		}
		if last := i - 1; last < 0 || !onCommandLine(&found[last]) ||
			found[last].Place != f.Place || found[last].Name != f.Name || found[last].OfUser != f.OfUser || found[last].CommandLine != f.CommandLine || found[last].Profile != f.Profile {
			lists = append(lists, nil)
		}
		lists[len(lists)-1] = append(lists[len(lists)-1], i)
	}
	return lists
}

// judgeCommandLine says what each consumer makes of those seals of a command line that have
// the hash. The first consumer decides whether they are good.
func (s *sealCheck) judgeCommandLine(line []int, found []seal.Seal, checked []Checked, consumers []releases.Consumer) {
	arguments := make([]seal.Seal, len(line))
	for i, n := range line {
		arguments[i] = found[n]
	}
	for _, consumer := range consumers {
		a := Audience{Consumer: consumer}
		by := consumer.Layers
		if by.Hash != 0 && by.Hash != s.Hash {
			a.Err = &HashError{consumer.Program, by.Hash}
		} else {
			by.Hash, by.Policy.Created = s.Hash, s.Policy.Created
			a.Digest, a.Err = s.digestBy(by)
		}
		v := releases.Verdict{Read: -1}
		if a.Err == nil {
			v = consumer.Judge(arguments, a.Digest)
		}
		for i, n := range line {
			if s.has(&found[n]) {
				a.Reads, a.ReadsOther, a.Accepts, a.Unknown = v.Read == i, v.Read >= 0 && v.Read != i, v.Accepted, v.Unknown
				checked[n].Audiences = append(checked[n].Audiences, a)
			}
		}
	}
	for _, n := range line {
		if s.has(&found[n]) {
			checked[n].decide()
		}
	}
}

// has says that a seal can be read, and is of the hash.
func (s *sealCheck) has(f *seal.Seal) bool {
	return f.Err == nil && f.Claim.Digest.Algorithm() == s.Hash
}

// HashError says that a program reads digests of another hash.
type HashError struct {
	Program releases.Program
	Wants   fsverity.Algorithm
}

func (e *HashError) Error() string {
	return fmt.Sprintf("%s reads %v digests only", e.Program, e.Wants)
}

// digestBy is the digest of the image by a recipe.
func (s *sealCheck) digestBy(r recipe.Recipe) (fsverity.Digest, error) {
	e, known := s.made[r]
	if !known {
		e.digest, e.err = r.Digest(s.Tree)
		s.made[r] = e
	}
	return e.digest, e.err
}

// decide gives a seal on a command line its state, by the first of its audiences.
func (c *Checked) decide() {
	for _, a := range c.Audiences {
		e := Expected{seal.Bootable, a.Layers.Version, a.Digest}
		if a.Err == nil && !slices.Contains(c.Expected, e) {
			c.Expected = append(c.Expected, e)
		}
	}
	first := c.Audiences[0]
	switch {
	case errors.As(first.Err, new(*HashError)):
		c.State, c.Why = Wrong, first.Err
	case first.Err != nil:
		c.State, c.Why = Unknown, first.Err
	case !first.Reads && !first.ReadsOther && first.Release.Reads == releases.ReadsComposefs:
		c.State, c.Why = Wrong, fmt.Errorf("%s reads composefs= only", &first.Release)
	case !first.Finds(c.Value):
		c.State, c.Why = Wrong, fmt.Errorf("%s looks for an image that is named like the digits, and names have no capital letters", &first.Release)
	case first.Digest == c.Claim.Digest, first.Accepts && c.hasExpected():
		c.State = Good
	default:
		c.State = Wrong
	}
}
