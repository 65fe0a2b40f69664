package reports

import (
	"bufio"
	"fmt"
	"io"

	"cfsverify/canon"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/proof"
)

// Prediction is what engines will show of an image when they have unpacked it.
type Prediction struct {
	Recipe  Recipe
	Image   Side
	Engines []EnginePrediction
}

// EnginePrediction is for one engine.
type EnginePrediction struct {
	Engine string
	// Refusal is why the engine does not unpack the image, empty if it does.
	Refusal string
	// Differences are between what the engine shows (a) and the layers (b).
	Differences []compare.Difference
	Findings    []blame.Finding
	// Flags make both sides the same.
	Flags  []proof.FlagEffect
	Masked *Masked
	// UnpackTime stands for the time of unpacking, which nobody knows before: an
	// mtime in its second is one.
	UnpackTime canon.Time
}

// Same says that all engines unpack the image as its layers say.
func (p *Prediction) Same() bool {
	for _, e := range p.Engines {
		if e.Refusal != "" || len(e.Differences) > 0 {
			return false
		}
	}
	return true
}

// PredictionText writes a prediction for a person to read.
func PredictionText(w io.Writer, p *Prediction, o TextOptions) error {
	buf := bufio.NewWriter(w)
	t := newText(buf, o)
	if p.Same() {
		fmt.Fprintf(t, "%s: unpacked, the image will have the digest of its layers\n", t.good.Sprint("SAME"))
	} else {
		fmt.Fprintf(t, "%s: unpacked, the image will not have the digest of its layers\n", t.bad.Sprint("DIFFERENT"))
	}
	fmt.Fprintf(t, "  image   %s  %s\n", escape(p.Image.Source), t.dim.Sprintf("(%s)", count(p.Image.Entries, "entry", "entries")))
	fmt.Fprintf(t, "  digest  %s  %s\n", p.Image.Digest, t.dim.Sprintf("(%s)", p.Recipe))
	for i := range p.Engines {
		t.engine(p, &p.Engines[i])
	}
	t.otherRules(&p.Image)
	return buf.Flush()
}

func (t *text) engine(p *Prediction, e *EnginePrediction) {
	t.report = &Report{A: Side{Name: "inside"}, B: p.Image, Differences: e.Differences, Findings: e.Findings, Masked: e.Masked}
	t.unpackTime = &e.UnpackTime
	fmt.Fprintf(t, "\n%s ", t.head.Sprintf("%s:", e.Engine))
	switch {
	case e.Refusal != "":
		fmt.Fprintf(t, "%s: %s\n", t.bad.Sprint("will refuse the image"), escape(e.Refusal))
		return
	case len(e.Differences) == 0:
		fmt.Fprintln(t, t.good.Sprint("nothing will differ"))
	default:
		fmt.Fprintf(t, "%s, for %s\n", t.bad.Sprint(count(len(e.Differences), "entry will differ", "entries will differ")), count(len(e.Findings), "cause", "causes"))
	}
	t.summary()
	for _, f := range e.Flags {
		fmt.Fprintf(t, "%s both sides will have %s\n", t.head.Sprintf("with %s", flagText(f)), t.good.Sprint(f.DigestB))
	}
	for i := range e.Findings {
		t.finding(&e.Findings[i])
	}
	t.masked()
}
