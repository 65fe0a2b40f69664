package reports

import (
	"fmt"
	"strings"

	"cfsverify/canon/erofs"
	"cfsverify/canon/policy"
	"cfsverify/canon/printable"
	"cfsverify/canon/seal"
	"cfsverify/compare"
	"cfsverify/compare/seals"
	"cfsverify/importers/layer"
)

// match says what gives the digest of a wrong seal.
func (t *text) match(s *Seals, c *seals.Checked) {
	m := c.Match
	switch {
	case m != nil:
		t.prose("  ", "", matchText(s, m))
	case c.SearchErr != nil:
		t.prose("  ", "not explained:", printable.Text(c.SearchErr.Error()))
	case c.Searched && c.Claim.Role == seal.Layer:
		t.prose("  ", "", "no recipe that is known gives the layer that digest")
	case c.Searched:
		t.prose("  ", "", "no recipe that is known gives the image, or what it was before its upper layers, that digest")
	}
	if m == nil {
		return
	}
	for i := range m.Since {
		if i == shownPerFinding && !t.verbose {
			fmt.Fprintf(t, "  %s\n", t.dim.Sprintf("… and %d more: --verbose lists all", len(m.Since)-i))
			return
		}
		change := &m.Since[i]
		t.difference(&change.Difference, change.Changes)
		if by := changeText(change); by != "" {
			t.prose("    ", "", by)
		}
	}
}

func matchText(s *Seals, m *seals.Match) string {
	version := fmt.Sprintf("EROFS version %d", m.Recipe.Version)
	if m.Recipe.Writer != erofs.ComposefsRS {
		version += " as " + m.Recipe.Writer.String() + " writes it"
	}
	recipe := version + "; " + policyText(m.Recipe.Policy)
	if names := releaseNames(m.Recipe); names != nil {
		recipe += "; as " + strings.Join(names, " and ")
	}
	switch m.Layers {
	case 0:
		return "the layer has that digest by another recipe: " + recipe
	case len(s.Layers):
		return "the image has that digest by another recipe: " + recipe
	}
	layers := "the lowest layer alone"
	if m.Layers > 1 {
		layers = fmt.Sprintf("the %d lowest layers", m.Layers)
	}
	return fmt.Sprintf("%s had that digest (%s); what the layers above changed: %s", layers, recipe, count(len(m.Since), "entry", "entries"))
}

// changeText says which entry of an upper layer made a change, empty if none did.
func changeText(c *seals.Change) string {
	if r := c.Removal; r != nil {
		how := map[layer.HowRemoved]string{layer.WhiteoutMarker: "by the whiteout of %s", layer.OpaqueMarker: "by the opaque marker of %s", layer.Replaced: "when %s was replaced"}
		return fmt.Sprintf("removed "+how[r.How]+": %s", printable.Text(r.Path), originText(r.Origin))
	}
	verb := map[compare.Status]string{compare.OnlyInA: "removed", compare.OnlyInB: "added", compare.Changed: "changed"}[c.Status]
	switch {
	case c.By == nil && c.Status == compare.Changed:
		return ""
	case c.By == nil:
		return verb
	case c.By.Implicit:
		return verb + ": " + originText(c.By)
	}
	return verb + " by " + originText(c.By)
}

type jsonMatch struct {
	Layers      int              `json:"layers"`
	Recipe      jsonSealRecipe   `json:"recipe"`
	Differences []jsonSealChange `json:"differences"`
}

type jsonSealRecipe struct {
	ErofsVersion int          `json:"erofsVersion"`
	Writer       string       `json:"writer,omitempty"`
	Policy       policy.Words `json:"policy"`
}

type jsonSealChange struct {
	jsonDifference
	By      *jsonOrigin  `json:"by,omitempty"`
	Removal *jsonRemoval `json:"removal,omitempty"`
}

type jsonRemoval struct {
	How  layer.HowRemoved `json:"how"`
	Path string           `json:"path"`
}

func matchJSON(m *seals.Match) *jsonMatch {
	if m == nil {
		return nil
	}
	differences := make([]compare.Difference, len(m.Since))
	for i := range m.Since {
		differences[i] = m.Since[i].Difference
	}
	recipe := jsonSealRecipe{ErofsVersion: int(m.Recipe.Version), Policy: m.Recipe.Policy.Words()}
	if m.Recipe.Writer != erofs.ComposefsRS {
		recipe.Writer = m.Recipe.Writer.String()
	}
	j := &jsonMatch{m.Layers, recipe, []jsonSealChange{}}
	for i, d := range differencesJSON(differences, shown{}) {
		c := &m.Since[i]
		change := jsonSealChange{jsonDifference: d, By: originJSON(c.By)}
		if r := c.Removal; r != nil {
			change.By, change.Removal = originJSON(r.Origin), &jsonRemoval{r.How, printable.Text(r.Path)}
		}
		j.Differences = append(j.Differences, change)
	}
	return j
}
