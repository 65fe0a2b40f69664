package reports

import (
	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/proof"
	"cfsverify/compare/verify"
)

type jsonFinding struct {
	Cause       blame.Cause        `json:"cause"`
	Title       string             `json:"title"`
	Explanation string             `json:"explanation"`
	Advice      string             `json:"advice"`
	See         []string           `json:"see,omitempty"`
	Evidence    []jsonEvidence     `json:"evidence"`
	Provenance  []jsonLayerCount   `json:"provenance"`
	Entries     []jsonFindingEntry `json:"entries"`
	LeftOut     int                `json:"leftOut,omitempty"`
}

type jsonEvidence struct {
	Text   string      `json:"text"`
	Path   string      `json:"path,omitempty"`
	Source *jsonOrigin `json:"source,omitempty"`
}

type jsonLayerCount struct {
	Layer   int `json:"layer"`
	Entries int `json:"entries"`
}

type jsonFindingEntry struct {
	Path    string          `json:"path"`
	Changes []jsonFieldName `json:"changes,omitempty"`
	Source  *jsonOrigin     `json:"source,omitempty"`
}

type jsonFieldName struct {
	Field compare.Field `json:"field"`
	Xattr string        `json:"xattr,omitempty"`
}

type jsonProof struct {
	Complete bool          `json:"complete"`
	Digest   string        `json:"digest"`
	Smallest []blame.Cause `json:"smallest"`
	Needed   []blame.Cause `json:"needed"`
	Flags    []jsonFlag    `json:"flags"`
}

type jsonFlag struct {
	Flag    string        `json:"flag"`
	Removes []blame.Cause `json:"removes"`
	DigestA string        `json:"digestA"`
	DigestB string        `json:"digestB"`
}

type jsonMasked struct {
	Differences []jsonDifference `json:"differences"`
	LeftOut     int              `json:"leftOut,omitempty"`
	Findings    []jsonFinding    `json:"findings"`
}

func findingsJSON(findings []blame.Finding, shown shown) []jsonFinding {
	list := make([]jsonFinding, 0, len(findings))
	for _, f := range findings {
		text := CauseOf(f.Cause)
		j := jsonFinding{
			Cause: f.Cause, Title: text.Title, Explanation: text.Why, Advice: text.Advice, See: text.See,
			Evidence: []jsonEvidence{}, Provenance: []jsonLayerCount{},
		}
		for _, e := range f.Evidence {
			text := e.Text
			if e.Quote != "" {
				text += ": " + printable.Text(e.Quote)
			}
			j.Evidence = append(j.Evidence, jsonEvidence{text, printable.Text(e.Path), originJSON(e.Origin)})
		}
		for _, c := range layerCounts(f.Entries) {
			j.Provenance = append(j.Provenance, jsonLayerCount{c.layer.Index, c.entries})
		}
		for _, e := range f.Entries {
			if !shown.has(e.Path) {
				j.LeftOut++
				continue
			}
			j.Entries = append(j.Entries, jsonFindingEntry{printable.Text(e.Path), fieldNamesJSON(e.Explained), originJSON(e.Origin)})
		}
		list = append(list, j)
	}
	return list
}

func proofJSON(p *proof.Proof) *jsonProof {
	if p == nil {
		return nil
	}
	return &jsonProof{
		Complete: p.Complete, Digest: p.Digest.String(), Flags: flagsJSON(p.Effects),
		Smallest: append([]blame.Cause{}, p.Smallest...), Needed: append([]blame.Cause{}, p.Needed...),
	}
}

func flagsJSON(flags []proof.Effect) []jsonFlag {
	list := []jsonFlag{}
	for _, f := range flags {
		list = append(list, jsonFlag{flagText(f), f.Removes, f.DigestA.String(), f.DigestB.String()})
	}
	return list
}

func maskedJSON(m *verify.Masked, most int) *jsonMasked {
	if m == nil {
		return nil
	}
	shown := shownOf(m.Differences, m.Findings, most)
	return &jsonMasked{differencesJSON(m.Differences, shown), shown.leftOut, findingsJSON(m.Findings, shown)}
}

// layerCount is how many entries of a finding have their cause in a layer.
type layerCount struct {
	layer   *canon.Layer
	entries int
}
