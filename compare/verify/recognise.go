package verify

import (
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/selinux"
)

// Recognised says that a side was prepared for booting before it was written, and the
// other one was not.
type Recognised struct {
	*policy.Prepared
	// Name is that of the side, Other that of the other one.
	Name, Other string
	// LeftOut is the number of names in /boot and /sysroot of the other side, which the
	// digests do not depend on.
	LeftOut int
	// Err says why the other side cannot be prepared in the same way. Then it was not, and
	// the digests are those of the recipe that was asked for.
	Err error
}

// DoubtError says that a side may have been prepared for booting before it was written, or
// may look so by itself, and that it matters which. Nothing but the side itself may decide
// that: what the other side holds is what is to be checked.
type DoubtError struct{ Recognised }

func (e *DoubtError) Error() string {
	text := fmt.Sprintf("%s looks as if it had been prepared for booting before it was written (%s), but a tree that nobody prepared may look the same",
		e.Name, strings.Join(e.Facts, "; "))
	if e.LeftOut == 0 {
		return fmt.Sprintf("%s, and preparing %s would change it", text, e.Other)
	}
	return fmt.Sprintf("%s, and of %s that would leave out what is in /boot and /sysroot", text, e.Other)
}

// written gives what is known to have been done to the inputs before they were written:
// the words that are not known are empty. prepared has a side's traces of being prepared
// for booting, nil without.
func written(inputs [2]Input) (words [2]policy.Policy, prepared [2]*policy.Prepared) {
	for i, in := range inputs {
		if !in.Final {
			continue
		}
		p := policy.Recognise(in.Tree)
		if in.Written != nil {
			words[i] = *in.Written
			p = recorded(p, *in.Written)
		} else if p != nil && !p.Doubtful {
			words[i] = policy.Policy{Boot: p.Boot, Links: p.Links}
		}
		words[i].Labelled = p != nil && p.Labelled
		prepared[i] = p
	}
	return words, prepared
}

// recorded corrects what was recognised by what is known.
func recorded(p *policy.Prepared, written policy.Policy) *policy.Prepared {
	if !written.Boot.Prepares() {
		return nil
	}
	known := policy.Prepared{}
	if p != nil {
		known = *p
	}
	known.Boot, known.Links, known.Doubtful = written.Boot, written.Links, false
	known.Facts = []string{"the record beside it says so"}
	return &known
}

// recognise prepares a recipe for inputs of which one was prepared for booting before it
// was written. The recipe stays, without a result, where that makes no difference. The error
// is a DoubtError.
func recognise(inputs [2]Input, prepared [2]*policy.Prepared, r recipe.Recipe, keepWriter bool) (recipe.Recipe, *Recognised, error) {
	side := 0
	if prepared[0] == nil {
		side = 1
	}
	p, other := prepared[side], inputs[1-side]
	if p == nil || prepared[1-side] != nil || r.Policy.Boot.Prepares() {
		return r, nil, nil
	}
	found := &Recognised{Prepared: p, Name: inputs[side].Name, Other: other.Name, LeftOut: bootNames(other.Tree)}
	changes, err := p.Changes(other.Tree)
	switch {
	case err != nil:
		found.Err = err
		return r, found, nil
	case !changes:
		return r, nil, nil
	case p.Doubtful:
		return r, nil, &DoubtError{*found}
	}
	if !keepWriter {
		r.Writer = erofs.ComposefsRS
	}
	r.Policy.Boot = p.Boot
	if r.Policy.Links == policy.LinksKeep {
		r.Policy.Links = p.Links
	}
	return r, found, nil
}

// bootNames counts the names in /boot and /sysroot.
func bootNames(t *canon.Tree) int {
	count := 0
	for _, path := range []string{"/boot", "/sysroot"} {
		if e := t.Lookup(path); e != nil {
			below := canon.Tree{Root: e.Node}
			for range below.Dirents() {
				count++
			}
			count--
		}
	}
	return count
}

// share gives sides what they lack of the other one's SELinux policy.
func share(inputs [2]Input) {
	selinux.Share(inputs[0].Tree, inputs[1].Tree)
	selinux.Share(inputs[1].Tree, inputs[0].Tree)
}
