package reports

import (
	"bufio"
	"fmt"
	"io"

	"cfsverify/canon/printable"
	"cfsverify/compare/verify"
)

// Prediction is what engines will show of an image, as a text and as JSON.
type Prediction struct{ *verify.Prediction }

func (p Prediction) writers() writers { return writers{text: p.text, json: p.json} }

func (p Prediction) text(w io.Writer, o Options) error {
	buf := bufio.NewWriter(w)
	t := newText(buf, o)
	t.names, t.unpackTime = [2]string{"inside", p.Image.Name}, &p.UnpackTime
	if p.Same() {
		fmt.Fprintf(t, "%s: unpacked, the image will have the digest of its layers\n", t.good.Sprint("SAME"))
	} else {
		fmt.Fprintf(t, "%s: unpacked, the image will not have the digest of its layers\n", t.bad.Sprint("DIFFERENT"))
	}
	fmt.Fprintf(t, "  image   %s  %s\n", printable.Text(p.Image.Source), t.dim.Sprintf("(%s)", count(p.Image.Entries, "entry", "entries")))
	fmt.Fprintf(t, "  digest  %s  %s\n", p.Image.Digest, t.dim.Sprintf("(%s)", recipeText(p.Recipe, p.Rules)))
	for i := range p.Engines {
		t.engine(&p.Engines[i])
	}
	t.otherRules("note:", &p.Image)
	t.notes(p.Notes)
	return buf.Flush()
}

func (t *text) engine(e *verify.EnginePrediction) {
	fmt.Fprintf(t, "\n%s ", t.head.Sprintf("%s:", e.Engine))
	switch {
	case e.Err != nil:
		fmt.Fprintf(t, "%s: %s\n", t.bad.Sprint("will refuse the image"), printable.Text(e.Err.Error()))
		return
	case len(e.Differences) == 0:
		fmt.Fprintln(t, t.good.Sprint("nothing will differ"))
	default:
		fmt.Fprintf(t, "%s, for %s\n", t.bad.Sprint(count(len(e.Differences), "entry will differ", "entries will differ")), count(len(e.Findings), "cause", "causes"))
	}
	t.summary(e.Findings, "")
	for _, f := range e.Remedies() {
		fmt.Fprintf(t, "%s both sides will have %s\n", t.head.Sprintf("with %s", flagText(f)), t.good.Sprint(f.DigestB))
	}
	for i := range e.Findings {
		t.finding(&e.Findings[i])
	}
	t.masked(e.Masked)
}
