package reports

import (
	"fmt"
	"strings"

	"cfsverify/canon/fsverity"
	"cfsverify/compare/verify"
	"cfsverify/importers/layer"
)

// Where the layer rules that were not chosen fail a comparison, reports tell of it as of a
// cause, by this name.
const (
	layerRules       = "layer-rules"
	layerRulesTitle  = "tools disagree about the image"
	layerRulesAdvice = "Write the image anew so that all tools read it alike (cfsverify repair), or say with --layer-rules whose reading counts: bootc and composefs-rs read layers by the rules composefs-rs."
)

// about is what follows the word of the verdict.
func (c Comparison) about() string {
	d := c.Disagreement
	text := count(len(c.Differences), "entry differs", "entries differ") + ", for " + count(len(c.Findings), "cause", "causes")
	if c.A.Digest == c.B.Digest {
		text = "the composefs digests are equal"
	}
	switch {
	case c.FailsByOtherRules() && c.A.Digest == c.B.Digest:
		text += fmt.Sprintf(" by the layer rules %s only: %s", c.Rules, disagreementText(d))
	case c.FailsByOtherRules():
		text += "; " + disagreementText(d)
	case d != nil && d.Equal && !c.Equal():
		text += fmt.Sprintf("; by the layer rules %s the digests are equal", d.Rules)
	}
	return text
}

// disagreementText says what the layer rules that were not used make of the sides.
func disagreementText(d *verify.Disagreement) string {
	var parts []string
	for _, side := range d.Sides {
		if side.OtherRules.Err != nil {
			parts = append(parts, "refuse "+side.Name)
		} else {
			parts = append(parts, fmt.Sprintf("give %s another digest", side.Name))
		}
	}
	return fmt.Sprintf("the layer rules %s %s", d.Rules, strings.Join(parts, " and "))
}

// jsonByOtherRules is what a comparison comes to by the layer rules that were not used.
type jsonByOtherRules struct {
	Rules layer.Rules `json:"rules"`
	Equal bool        `json:"equal"`
	Fails bool        `json:"fails"`
}

func byOtherRulesJSON(d *verify.Disagreement) *jsonByOtherRules {
	if d == nil {
		return nil
	}
	return &jsonByOtherRules{d.Rules, d.Equal, d.Fails}
}

// otherRulesText says what the layer rules that were not used make of a side.
func otherRulesText(side *verify.Side) string {
	o := side.OtherRules
	switch {
	case o.Err != nil && len(o.Events) == 0:
		return fmt.Sprintf("the layer rules %s refuse %s: %s", o.Rules, side.Name, o.Err)
	case o.Err != nil:
		return fmt.Sprintf("the layer rules %s refuse %s: tools disagree about this image", o.Rules, side.Name)
	case o.Digest == side.Digest:
		return fmt.Sprintf("the layer rules %s treat entries of %s differently, but give the same digest", o.Rules, side.Name)
	}
	return fmt.Sprintf("the layer rules %s give %s another digest, %s in which %s: tools disagree about this image",
		o.Rules, side.Name, o.Digest, count(len(o.Differences), "entry differs", "entries differ"))
}

// DisagreementNote says in a line that layer rules which were not used make something else
// of a source than its digest own, with the first entry that hides others. It is empty
// if they give the same digest.
func DisagreementNote(source string, o *verify.OtherRules, own fsverity.Digest) string {
	hidden := ""
	if len(o.Events) > 0 && o.Events[0].Hides {
		hidden = fmt.Sprintf("; %s: %s", eventPlace(o.Events[0]), o.Events[0].What)
	}
	switch {
	case o.Err != nil:
		return fmt.Sprintf("tools disagree about %s: the layer rules %s refuse it: %s%s", source, o.Rules, o.Err, hidden)
	case o.Digest != own:
		return fmt.Sprintf("tools disagree about %s: by the layer rules %s its digest is %v%s", source, o.Rules, o.Digest, hidden)
	}
	return ""
}
