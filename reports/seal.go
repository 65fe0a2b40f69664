package reports

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/printable"
	"cfsverify/canon/releases"
	"cfsverify/canon/seal"
	"cfsverify/compare/seals"
	"cfsverify/compare/verify"
)

// Seals is what is found of the seals of an image, as a text and as JSON.
type Seals struct {
	// Source is the image as the user may write it.
	Source string
	Layers []*canon.Layer
	seals.Result
	// Explanations are what trees that may have been sealed tell of wrong seals.
	Explanations []verify.SealExplanation
}

func (s *Seals) writers() writers {
	return writers{text: s.text, json: s.json, markdown: s.markdown, junit: s.junit, html: s.html, annotations: s.annotations}
}

func (s *Seals) count(state seals.State) int {
	n := 0
	for i := range s.Seals {
		if s.Seals[i].State == state {
			n++
		}
	}
	return n
}

func (s *Seals) text(w io.Writer, o Options) error {
	buf := bufio.NewWriter(w)
	t := newText(buf, o)
	t.names = [2]string{"sealed", "now"}
	paint := t.bad
	if s.Good() {
		paint = t.good
	}
	word, about := s.verdict()
	fmt.Fprintf(t, "%s: %s\n", paint.Sprint(word), about)
	fmt.Fprintf(t, "  image  %s  %s\n", printable.Text(s.Source), t.dim.Sprintf("(%s)", count(len(s.Layers), "layer", "layers")))
	if first := s.first(); first != nil {
		fmt.Fprintf(t, "  for    %s  %s\n", first.Name, t.dim.Sprintf("(%s)", first.About))
	}
	for i := range s.Seals {
		t.seal(s, &s.Seals[i])
	}
	t.afterSeals(s)
	return buf.Flush()
}

func (t *text) afterSeals(s *Seals) {
	t.trust(s)
	t.explanations(s)
	if s.Other != nil {
		fmt.Fprintln(t)
		about := "treat entries of the image differently"
		if s.Other.Err != nil {
			about = "refuse the image: " + printable.Line(s.Other.Err.Error())
		}
		t.prose("", "note:", fmt.Sprintf("the layer rules %s %s", s.Other.Rules, about))
		t.events(s.Other.Events)
	}
	t.notes(s.Notes)
}

// verdict is what is found in a word, and the rest of the line.
func (s *Seals) verdict() (word, about string) {
	wrong, unknown := s.count(seals.Wrong), s.count(seals.Unknown)
	switch {
	case len(s.Seals) == 0 && s.Unsigned():
		return "NOT SEALED", "nothing seals the image: " + unsignedText(s.Trust)
	case len(s.Seals) == 0:
		return "NOT SEALED", "nothing seals the image"
	case wrong > 0:
		return "WRONG", fmt.Sprintf("%d of %s", wrong, count(len(s.Seals), "seal is wrong", "seals are wrong"))
	case unknown > 0:
		return "UNKNOWN", fmt.Sprintf("%d of %s checked", unknown, count(len(s.Seals), "seal cannot be", "seals cannot be"))
	case s.Unsigned():
		return "NOT SIGNED", count(len(s.Seals), "seal is good", "seals are good") + ", but " + unsignedText(s.Trust)
	}
	return "SEALED", count(len(s.Seals), "seal is good", "seals are good") + s.insecureText() + s.notForText()
}

// insecureText counts seals that need not be verified, empty without one.
func (s *Seals) insecureText() string {
	n := 0
	for i := range s.Seals {
		if s.Seals[i].Claim.Insecure {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them insecure", n)
}

// first is the consumer that decides about kernel arguments, nil if there are none.
func (s *Seals) first() *releases.Consumer {
	for i := range s.Seals {
		if a := s.Seals[i].Audiences; len(a) > 0 {
			return &a[0].Consumer
		}
	}
	return nil
}

// notForText names the other consumers that take some kernel argument not, empty without
// one.
func (s *Seals) notForText() string {
	var names []string
	for i := range s.Seals {
		for _, a := range s.Seals[i].Audiences {
			if !a.Accepts && !slices.Contains(names, a.Name) {
				names = append(names, a.Name)
			}
		}
	}
	if names == nil {
		return ""
	}
	return ", but not for " + strings.Join(names, " and ")
}

func (t *text) seal(s *Seals, c *seals.Checked) {
	paint := t.bad
	if c.State == seals.Good {
		paint = t.good
	}
	fmt.Fprintf(t, "\n%s %s\n", paint.Sprintf("%s:", c.State), SealPlace(c.Seal))
	if c.Err != nil || c.Claim.Digest.IsZero() {
		t.prose("  ", "", whyText(c.Why))
		return
	}
	fmt.Fprintf(t, "  says      %s\n", paint.Sprint(c.Claim.Digest))
	is := slices.IndexFunc(c.Expected, func(e seals.Expected) bool { return e.Digest == c.Claim.Digest })
	for i, e := range c.Expected {
		switch {
		case i == is:
			fmt.Fprintf(t, "  which is  %s%s\n", expectedText(e), wantedByText(c, e.Digest))
		// The likeliest version will do.
		case is < 0 && (t.verbose || i == 0 || e.Role != c.Expected[i-1].Role):
			fmt.Fprintf(t, "  should be %s  %s\n", e.Digest, t.dim.Sprintf("(%s)", expectedText(e)))
		}
	}
	if c.Why != nil {
		t.prose("  ", "", whyText(c.Why))
	}
	for i := range c.Audiences {
		a := &c.Audiences[i]
		t.prose("  ", a.Name+":", audienceText(a))
	}
	t.match(s, c)
	if c.Claim.Insecure {
		t.prose("  ", "insecure:", `the "?" lets the image be mounted without being verified`)
	}
	switch {
	case c.Signer != "":
		fmt.Fprintf(t, "  signed by %s\n", printable.Text(c.Signer))
	case c.Signature != nil && c.Why == nil:
		t.prose("  ", "", "signed, by whom was not checked: name certificates with --trust")
	}
}

// explanations compare what was sealed with the image.
func (t *text) explanations(s *Seals) {
	for i := range s.Explanations {
		e := &s.Explanations[i]
		fmt.Fprintln(t)
		switch {
		case e.Err != nil:
			t.prose("", "not explained:", fmt.Sprintf("%s cannot be read: %s", printable.Text(e.Inside), printable.Text(e.Err.Error())))
		case !e.Sealed:
			t.prose("", "not explained:", fmt.Sprintf("%s does not have the digest %s…: it is not of the tree that was sealed", printable.Text(e.Inside), e.Digest.String()[:12]))
		default:
			t.prose("", "explained:", fmt.Sprintf("%s has the digest %s…, so it is what was sealed; compared with the image:", printable.Text(e.Inside), e.Digest.String()[:12]))
			c := Comparison{Result: e.Result}
			t.names = c.sideNames()
			(&comparisonText{t, c}).write()
		}
	}
	if len(s.Explanations) == 0 && s.lacksInside() {
		fmt.Fprintln(t)
		t.prose("", "what was sealed", "is not in the image, so it cannot be compared. Keep it where the digest is made: cfsverify dump --bootable -o inside.dump dir:/target, and name it with --inside dump:inside.dump; or copy it to /run/cfsverify of the image, as NAME.dump: what is in /run changes no digest")
	}
}

// lacksInside says that a kernel argument is wrong, and right for nobody.
func (s *Seals) lacksInside() bool {
	return slices.ContainsFunc(s.Seals, func(c seals.Checked) bool { return c.Misses() && c.Audiences != nil })
}

// wantedByText names the consumers that want a digest, empty without one.
func wantedByText(c *seals.Checked, d fsverity.Digest) string {
	var names []string
	for i := range c.Audiences {
		if a := &c.Audiences[i]; a.Err == nil && a.Digest == d {
			names = append(names, a.Name)
		}
	}
	if names == nil {
		return ""
	}
	return ", for " + strings.Join(names, " and ")
}

// audienceText says what a consumer makes of a kernel argument.
func audienceText(a *seals.Audience) string {
	text := "refuses it"
	switch {
	case a.Accepts && a.Reads:
		text = "takes it"
	case a.Accepts:
		text = "takes another digest of this command line"
	case a.ReadsOther:
		text = "refuses the command line, of which it reads another digest"
	}
	if a.Accepts && a.Unknown {
		text += ", but a booted system does not know that it is a composefs one, which only composefs= tells it"
	}
	if a.Err != nil {
		text += ": " + printable.Text(a.Err.Error())
	} else if !a.Accepts {
		text += ": it wants " + a.Karg(a.Digest)
	}
	return text + " (" + a.About + ")"
}

// whyText says why a seal is unknown or wrong, empty for nil.
func whyText(why error) string {
	switch {
	case errors.Is(why, seals.ErrUnsigned):
		return printable.Text(why.Error()) + ", and --trust wants that"
	case errors.Is(why, seals.ErrInsecure):
		return printable.Text(why.Error()) + ", and --require-secure forbids that"
	}
	return printable.Text(errorText(why))
}

// SealPlace says where a seal is.
func SealPlace(f seal.Seal) string {
	text := string(f.Place)
	if f.Name != "" {
		text += " " + printable.Text(f.Name)
	}
	if f.CommandLine > 0 {
		text += fmt.Sprintf(", command line %d", f.CommandLine)
	}
	if p := f.Profile; p != nil {
		text += fmt.Sprintf(", profile %d", p.Number)
		if name := cmp.Or(p.ID, p.Title); name != "" {
			text += fmt.Sprintf(" (%s)", printable.Text(name))
		}
	}
	if f.Layer > 0 {
		text += fmt.Sprintf(" of layer %d", f.Layer)
	}
	if f.Key != "" {
		text += ", " + printable.Text(f.Key)
	}
	return text
}

// expectedText says what a digest is of.
func expectedText(e seals.Expected) string {
	switch e.Role {
	case seal.Config, seal.Manifest:
		return "the digest of the " + string(e.Role)
	case seal.Layer:
		return fmt.Sprintf("the digest of the layer alone, EROFS version %d", e.Version)
	case seal.Bootable:
		return fmt.Sprintf("the digest of the bootable image, EROFS version %d", e.Version)
	}
	return fmt.Sprintf("the digest of the image, EROFS version %d", e.Version)
}
