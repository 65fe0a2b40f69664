package reports

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
	"cfsverify/compare/verify"
)

//go:embed html
var htmlFiles embed.FS

// htmlScripts are the parts of the page's one script, in their order.
var htmlScripts = [...]string{"data.js", "values.js", "entry.js", "findings.js", "tree.js", "report.js"}

// html writes one page that holds all that the JSON form tells. A content security
// policy lets only the page's own script run; names of an image are data to it.
func (c Comparison) html(w io.Writer) error {
	page, err := newPage(c)
	if err != nil {
		return err
	}
	t, err := template.ParseFS(htmlFiles, "html/report.html", "html/head.html")
	if err != nil {
		return err
	}
	return t.Execute(w, page)
}

// htmlPage is what the template shows.
type htmlPage struct {
	Report         Comparison
	Style          template.CSS
	Script         template.JS
	Policy         string
	Data, Names    template.JS
	NamesCut       string
	Verdict, About string
	Class          string
	Recipe         string
	Recognised     string
	Rules          []htmlRow
	Sides          []htmlSide
	First          *htmlFirst
	Proof          string
	ProofDigest    string
	Flags          []htmlFlag
	Gate           *htmlGate
	Views          []htmlView
}

type htmlRow struct{ Name, Value string }

type htmlSide struct {
	Key, Name, Source, Entries, Digest string
	Layers                             []*canon.Layer
	Other                              *htmlOther
}

type htmlOther struct {
	Text, Refusal, Rules string
	Differences          int
}

type htmlFirst struct{ Cause, Title, Advice string }

type htmlFlag struct {
	Flag, Removes    string
	Same             bool
	DigestA, DigestB string
}

type htmlGate struct {
	Text, File, FailOn                 string
	Accepted, Ignored, Unused, Expired []string
}

// htmlView is a list of differences and findings, with what one can look at
// them by.
type htmlView struct {
	Key, Title, About string
	Findings          []htmlFinding
}

type htmlFinding struct {
	Number   int
	Cause    blame.Cause
	Text     Cause
	Count    string
	Evidence []string
	Layers   string
}

func newPage(r Comparison) (*htmlPage, error) {
	style, err := htmlFiles.ReadFile("html/report.css")
	if err != nil {
		return nil, err
	}
	script := "\"use strict\";\n"
	for _, name := range htmlScripts {
		part, err := htmlFiles.ReadFile("html/" + name)
		if err != nil {
			return nil, err
		}
		script += string(part)
	}
	data, err := dataHTML(r)
	if err != nil {
		return nil, err
	}
	names := newSameNames(r, htmlNamesMax)
	p := &htmlPage{
		Report: r, Style: template.CSS(style), Script: template.JS(script), Policy: contentPolicy(string(style), script),
		Data: template.JS(data), Names: template.JS(names.String()), NamesCut: names.cutText(),
		Recipe: recipeText(r.Recipe, r.Rules), Recognised: recognisedText(r.Recognised), Rules: recipeRows(recipeJSON(r.Recipe, r.Rules)), Proof: proofText(r.Proof, len(r.Findings)), Gate: gateHTML(r.Gate),
		Sides: []htmlSide{sideHTML("a", &r.A), sideHTML("b", &r.B)},
	}
	p.verdict()
	if first := firstOf(r.Failing()); first != nil {
		p.First = &htmlFirst{string(first.Cause), CauseOf(first.Cause).Title, CauseOf(first.Cause).Advice}
	}
	if r.FailsByOtherRules() {
		p.First = &htmlFirst{layerRules, layerRulesTitle, layerRulesAdvice}
	}
	if r.Proof != nil {
		p.ProofDigest = r.Proof.Digest.String()
		for _, f := range r.Proof.Effects {
			p.Flags = append(p.Flags, htmlFlag{flagText(f), causeList(f.Removes), f.DigestA == f.DigestB, f.DigestA.String(), f.DigestB.String()})
		}
	}
	p.views()
	return p, nil
}

// contentPolicy lets the page's style and script be, and nothing else: no other
// script, no network, and no markup made of text.
func contentPolicy(style, script string) string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + hash(style) + "; script-src " + hash(script) +
		"; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

func (p *htmlPage) verdict() {
	r := p.Report
	p.Verdict, p.About = strings.ToUpper(string(r.Conclusion())), r.about()
	switch {
	case r.Equal():
		p.Class = "good"
	case r.Passed():
		p.Class = "warn"
	default:
		p.Class = "bad"
	}
}

func (p *htmlPage) views() {
	r := p.Report
	if len(r.Differences) > 0 {
		p.Views = append(p.Views, htmlView{"main", "What differs, and why", shownOf(r.Differences, r.Findings, differencesMax).text(len(r.Differences)), findingsHTML(r.Findings)})
	}
	if m := r.Masked; m != nil && len(m.Differences) > 0 {
		about := fmt.Sprintf("The policy hides %s, for %s: the digests do not depend on them.",
			count(len(m.Differences), "entry that differs", "entries that differ"), count(len(m.Findings), "cause", "causes"))
		if cut := shownOf(m.Differences, m.Findings, differencesMax).text(len(m.Differences)); cut != "" {
			about += " " + cut
		}
		p.Views = append(p.Views, htmlView{"masked", "What the policy hides", about, findingsHTML(m.Findings)})
	}
}

func findingsHTML(findings []blame.Finding) []htmlFinding {
	var list []htmlFinding
	for i, f := range findings {
		h := htmlFinding{i, f.Cause, CauseOf(f.Cause), count(len(f.Entries), "entry", "entries"), nil, layersText(f.Entries)}
		for _, e := range f.Evidence {
			h.Evidence = append(h.Evidence, evidenceText(e))
		}
		list = append(list, h)
	}
	return list
}

func sideHTML(key string, s *verify.Side) htmlSide {
	h := htmlSide{Key: key, Name: s.Name, Source: printable.Text(s.Source), Entries: count(s.Entries, "entry", "entries"), Digest: s.Digest.String(), Layers: s.Layers}
	if o := s.OtherRules; o != nil {
		h.Other = &htmlOther{otherRulesText(s), printable.Text(errorText(o.Err)), string(o.Rules), len(o.Differences)}
	}
	return h
}

// LayerName is how reports call a layer.
func (htmlSide) LayerName(l *canon.Layer) string { return layerText(l) }

func recipeRows(j jsonRecipe) []htmlRow {
	p := j.Policy
	return []htmlRow{
		{"EROFS version", fmt.Sprint(j.ErofsVersion)}, {"hash", j.Hash}, {"layer rules", j.LayerRules},
		{"metadata of /", string(p.Root)}, {"mtimes of directories", string(p.DirMtime)}, {"/run", string(p.Run)}, {"xattrs", string(p.Xattrs)},
		{"precision of mtimes", string(p.Mtime)}, {"bootable", string(p.Boot)}, {"hardlinks", string(p.Hardlinks)},
	}
}

func gateHTML(g *gate.Verdict) *htmlGate {
	if g == nil {
		return nil
	}
	h := &htmlGate{Text: gateText(g), File: printable.Text(g.File), FailOn: causeList(g.FailOn)}
	for _, a := range g.Accepted {
		h.Accepted = append(h.Accepted, count(len(a.Entries), "entry", "entries")+": "+ruleText(a.Allowance))
	}
	for _, f := range g.Ignored {
		h.Ignored = append(h.Ignored, string(f.Cause)+": "+count(len(f.Entries), "entry", "entries"))
	}
	h.Unused, h.Expired = ruleTexts(g.Unused), ruleTexts(g.Expired)
	return h
}

func ruleTexts(rules []gate.Allowance) []string {
	var texts []string
	for _, r := range rules {
		texts = append(texts, ruleText(r))
	}
	return texts
}

// Upper is a name at the beginning of a sentence.
func (htmlPage) Upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
