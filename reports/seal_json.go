package reports

import (
	"cfsverify/canon/printable"
	"cfsverify/canon/seal"
	"cfsverify/compare/seals"
)

type jsonSeals struct {
	SchemaVersion int                   `json:"schemaVersion"`
	Good          bool                  `json:"good"`
	For           string                `json:"for,omitempty"`
	Source        string                `json:"source"`
	Layers        []jsonLayer           `json:"layers"`
	Seals         []jsonSeal            `json:"seals"`
	Trust         *jsonTrust            `json:"trust,omitempty"`
	Explanations  []jsonSealExplanation `json:"explanations,omitempty"`
	OtherRules    *jsonOtherRules       `json:"otherRules,omitempty"`
	Notes         []jsonNote            `json:"notes"`
}

type jsonSeal struct {
	State       seals.State        `json:"state"`
	Why         string             `json:"why,omitempty"`
	Place       seal.Place         `json:"place"`
	Name        string             `json:"name,omitempty"`
	CommandLine int                `json:"commandLine,omitempty"`
	Profile     *jsonSealProfile   `json:"profile,omitempty"`
	Layer       int                `json:"layer,omitempty"`
	Key         string             `json:"key,omitempty"`
	Value       string             `json:"value,omitempty"`
	Digest      string             `json:"digest,omitempty"`
	Insecure    bool               `json:"insecure"`
	Expected    []jsonExpected     `json:"expected"`
	Audiences   []jsonAudience     `json:"audiences,omitempty"`
	Searched    bool               `json:"searched"`
	SearchError string             `json:"searchError,omitempty"`
	Match       *jsonMatch         `json:"match,omitempty"`
	Signature   *jsonSealSignature `json:"signature,omitempty"`
}

type jsonSealProfile struct {
	Number int    `json:"number"`
	ID     string `json:"id,omitempty"`
	Title  string `json:"title,omitempty"`
}

type jsonSealExplanation struct {
	Digest string      `json:"digest"`
	Inside string      `json:"inside"`
	Why    string      `json:"why,omitempty"`
	Sealed bool        `json:"sealed"`
	Report *jsonReport `json:"report,omitempty"`
}

type jsonAudience struct {
	Consumer    string `json:"consumer"`
	About       string `json:"about"`
	Accepts     bool   `json:"accepts"`
	Reads       bool   `json:"reads"`
	BootedKnows bool   `json:"bootedKnows"`
	Digest      string `json:"digest,omitempty"`
	Karg        string `json:"karg,omitempty"`
	Why         string `json:"why,omitempty"`
}

type jsonExpected struct {
	Role         seal.Role `json:"role"`
	ErofsVersion *int      `json:"erofsVersion,omitempty"`
	Digest       string    `json:"digest"`
}

type jsonSealSignature struct {
	Signer string `json:"signer,omitempty"`
}

// json is in the form that seals.schema.json describes.
func (s *Seals) json() any {
	doc := jsonSeals{SchemaVersion: SchemaVersion, Good: s.Good(), Source: printable.Text(s.Source), Layers: layersJSON(s.Layers), Seals: []jsonSeal{}, Trust: trustJSON(s.Trust), Notes: notesJSON(s.Notes)}
	for i := range s.Explanations {
		e := &s.Explanations[i]
		j := jsonSealExplanation{Digest: e.Digest.String(), Inside: printable.Text(e.Inside), Why: printable.Text(errorText(e.Err)), Sealed: e.Sealed}
		if e.Result != nil {
			report := comparisonJSON(Comparison{Result: e.Result}, differencesMax)
			j.Report = &report
		}
		doc.Explanations = append(doc.Explanations, j)
	}
	if s.Other != nil {
		doc.OtherRules = otherRulesJSON(s.Other)
	}
	if first := s.first(); first != nil {
		doc.For = first.Name
	}
	for i := range s.Seals {
		doc.Seals = append(doc.Seals, sealJSON(&s.Seals[i]))
	}
	return doc
}

func sealJSON(c *seals.Checked) jsonSeal {
	j := jsonSeal{
		State: c.State, Why: whyText(c.Why), Place: c.Place, Name: printable.Text(c.Name), CommandLine: c.CommandLine, Layer: c.Layer, Key: printable.Text(c.Key), Value: printable.Text(c.Value),
		Digest: c.Claim.Digest.String(), Insecure: c.Claim.Insecure, Expected: []jsonExpected{}, Searched: c.Searched,
		SearchError: printable.Text(errorText(c.SearchErr)), Match: matchJSON(c.Match),
	}
	for _, e := range c.Expected {
		expected := jsonExpected{Role: e.Role, Digest: e.Digest.String()}
		if e.Role.IsImage() {
			version := int(e.Version)
			expected.ErofsVersion = &version
		}
		j.Expected = append(j.Expected, expected)
	}
	for i := range c.Audiences {
		a := &c.Audiences[i]
		audience := jsonAudience{Consumer: a.Name, About: a.About, Accepts: a.Accepts, Reads: a.Reads, BootedKnows: !a.Unknown, Why: printable.Text(errorText(a.Err))}
		if a.Err == nil {
			audience.Digest, audience.Karg = a.Digest.String(), a.Karg(a.Digest)
		}
		j.Audiences = append(j.Audiences, audience)
	}
	if p := c.Profile; p != nil {
		j.Profile = &jsonSealProfile{p.Number, printable.Text(p.ID), printable.Text(p.Title)}
	}
	if c.Signature != nil {
		j.Signature = &jsonSealSignature{printable.Text(c.Signer)}
	}
	return j
}
