package reports

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"
	"github.com/rivo/uniseg"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/compare"
	"cfsverify/compare/verify"
	"cfsverify/importers/layer"
)

// shownPerFinding is how many differences of a finding are listed without
// Verbose.
const shownPerFinding = 10

// text writes the comparison for a person to read.
func (c Comparison) text(w io.Writer, o Options) error {
	buf := bufio.NewWriter(w)
	t := comparisonText{newText(buf, o), c}
	t.names = c.sideNames()
	t.write()
	return buf.Flush()
}

func newText(w io.Writer, o Options) *text {
	t := &text{Writer: w, verbose: o.Verbose, width: o.Width}
	t.good, t.bad, t.head, t.dim = color.New(color.FgGreen, color.Bold), color.New(color.FgRed, color.Bold), color.New(color.Bold), color.New(color.Faint)
	for _, c := range []*color.Color{t.good, t.bad, t.head, t.dim} {
		if o.Color {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
	}
	return t
}

// text writes what documents have in common.
type text struct {
	io.Writer
	verbose              bool
	width                int
	good, bad, head, dim *color.Color
	// names are what the sides of differences are called.
	names [2]string
	// unpackTime is set in a prediction.
	unpackTime *canon.Time
}

// comparisonText writes what only a comparison has.
type comparisonText struct {
	*text
	Comparison
}

func (t *comparisonText) write() {
	width := t.nameWidth()
	t.verdict()
	for _, side := range t.sides() {
		fmt.Fprintf(t, "  %-*s  %s  %s\n", width, side.Name, printable.Text(side.Source), t.dim.Sprintf("(%s)", count(side.Entries, "entry", "entries")))
	}
	if text := recognisedText(t.Recognised); text != "" {
		fmt.Fprintln(t)
		t.prose("", "recognised:", text)
	}
	t.summary(t.Failing(), proofText(t.Proof, len(t.Findings)))
	if t.FailsByOtherRules() {
		fmt.Fprintln(t)
		t.prose("", "first:", layerRules+": "+layerRulesAdvice)
	}
	fmt.Fprintln(t)
	t.prose("", "composefs digest", fmt.Sprintf("(%s)", recipeText(t.Recipe, t.Rules)))
	for _, side := range t.sides() {
		paint := t.good
		if t.A.Digest != t.B.Digest {
			paint = t.bad
		}
		fmt.Fprintf(t, "  %-*s  %s\n", width, side.Name, paint.Sprint(side.Digest))
	}
	t.effects()
	t.gate()
	findings := t.Findings
	if t.Gate != nil {
		findings = t.Gate.Left
	}
	for i := range findings {
		t.finding(&findings[i])
	}
	t.masked(t.Masked)
	heading := "note:"
	if t.FailsByOtherRules() {
		heading = layerRules + ":"
	}
	for _, side := range t.sides() {
		t.otherRules(heading, side)
	}
	for _, side := range t.sides() {
		if len(side.Corners) > 0 {
			fmt.Fprintln(t)
			t.prose("", "note:", CornersText(side.Name, side.Corners, t.Recipe.Writer))
		}
	}
}

func (t *comparisonText) nameWidth() int { return max(len(t.A.Name), len(t.B.Name)) }

func (t *comparisonText) verdict() {
	paint := map[verify.Conclusion]*color.Color{verify.Same: t.good, verify.Accepted: t.good, verify.Ignored: t.head, verify.Different: t.bad}[t.Conclusion()]
	fmt.Fprintf(t, "%s: %s\n", paint.Sprint(strings.ToUpper(string(t.Conclusion()))), t.about())
}

// difference writes one, with those of its changes that are given.
func (t *text) difference(d *compare.Difference, changes []compare.Change) {
	about := originOf(d.A) + originOf(d.B)
	switch d.Status {
	case compare.OnlyInA:
		about = "  " + nodeText(d.A.Node) + about
	case compare.OnlyInB:
		about = "  " + nodeText(d.B.Node) + about
	}
	path := t.path(d.Path, 2+uniseg.StringWidth(about))
	if indent := 2 + uniseg.StringWidth(path); t.width > 0 && indent+uniseg.StringWidth(about) > t.width {
		about = "\n      " + wrap(strings.TrimSpace(about), t.width, 6, "      ")
	}
	fmt.Fprintf(t, "  %s%s\n", path, t.dim.Sprint(about))
	if d.Status != compare.Changed {
		return
	}
	for _, c := range changes {
		t.prose("    ", "", fmt.Sprintf("%s: %s %s, %s %s", changeName(c),
			t.names[0], t.insideText(c, d), t.names[1], fieldText(c, sideB(c, d))))
	}
}

// insideText shows side A of a change.
func (t *text) insideText(c compare.Change, d *compare.Difference) string {
	isTime := c.Field == compare.Mtime || c.Field == compare.MtimeNsec
	if isTime && t.unpackTime != nil && d.A.Node.Mtime.Sec == t.unpackTime.Sec {
		return "the time of unpacking"
	}
	return fieldText(c, sideA(c, d))
}

// originOf is the tar entry that a name comes from, in brackets.
func originOf(e *canon.Dirent) string {
	if e == nil || originText(e.Origin) == "" {
		return ""
	}
	return "  [" + originText(e.Origin) + "]"
}

// path is a name of the image for a line that needs some columns besides.
func (t *text) path(p string, besides int) string {
	if t.verbose || t.width == 0 {
		return printable.Text(p)
	}
	return shortPath(printable.Text(p), t.width-besides)
}

// prose writes a line of text that may be wrapped, behind a heading.
func (t *text) prose(indent, heading, text string) {
	first := len(indent)
	line := indent
	if heading != "" {
		first += len(heading) + 1
		line += t.head.Sprint(heading) + " "
	}
	fmt.Fprintf(t, "%s%s\n", line, wrap(text, t.width, first, indent+"  "))
}

func (t *text) otherRules(heading string, side *verify.Side) {
	o := side.OtherRules
	if o == nil {
		return
	}
	fmt.Fprintln(t)
	t.prose("", heading, otherRulesText(side))
	t.events(o.Events)
}

func (t *text) events(list []layer.Event) {
	for i, e := range list {
		if i == shownPerFinding && !t.verbose {
			fmt.Fprintf(t, "  %s\n", t.dim.Sprintf("… and %d more: --verbose lists all", len(list)-i))
			return
		}
		t.prose("  ", "", eventPlace(e)+": "+e.What)
	}
}

func eventPlace(e layer.Event) string {
	var parts []string
	if e.Layer != nil {
		parts = append(parts, layerText(e.Layer))
	}
	if e.Entry > 0 {
		parts = append(parts, fmt.Sprintf("entry %d", e.Entry))
	}
	if e.Path != "" {
		parts = append(parts, printable.Text(e.Path))
	}
	return strings.Join(parts, ", ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// errorText is empty without an error.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
