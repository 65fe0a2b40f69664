package reports

import (
	"fmt"
	"html/template"
	"io"
	"strings"

	"cfsverify/canon/printable"
	"cfsverify/compare/seals"
)

// sealText is a seal as the text report has it.
func (s *Seals) sealText(c *seals.Checked) string {
	var out strings.Builder
	t := newText(&out, Options{})
	t.names = [2]string{"sealed", "now"}
	t.seal(s, c)
	return strings.TrimPrefix(out.String(), "\n")
}

// afterSealsText is what the text report has behind the seals.
func (s *Seals) afterSealsText() string {
	var out strings.Builder
	newText(&out, Options{}).afterSeals(s)
	return strings.TrimPrefix(out.String(), "\n")
}

// sealRow is a seal in a table.
type sealRow struct {
	State, Place, Says, Expected string
	Audiences                    []audienceRow
	Text                         string
}

type audienceRow struct{ Name, About, Takes, Wants string }

func (s *Seals) rows() []sealRow {
	var rows []sealRow
	for i := range s.Seals {
		c := &s.Seals[i]
		row := sealRow{State: string(c.State), Place: SealPlace(c.Seal), Says: c.Claim.Digest.String(), Text: s.sealText(c)}
		if len(c.Expected) > 0 {
			row.Expected = c.Expected[0].Digest.String()
		}
		for i := range c.Audiences {
			a := &c.Audiences[i]
			r := audienceRow{Name: a.Name, About: a.About, Takes: "no", Wants: printable.Text(errorText(a.Err))}
			if a.Accepts {
				r.Takes = "yes"
			}
			if a.Err == nil {
				r.Wants = a.Karg(a.Digest)
			}
			row.Audiences = append(row.Audiences, r)
		}
		rows = append(rows, row)
	}
	return rows
}

// markdown writes what is found of seals for a job summary or a comment.
func (s *Seals) markdown(w io.Writer) error {
	var m markdown
	word, about := s.verdict()
	mark := "❌"
	if s.Good() {
		mark = "✅"
	}
	m.printf("## %s %s: %s\n\n%s, %s\n", mark, word, about, pathCode(s.Source), count(len(s.Layers), "layer", "layers"))
	rows := s.rows()
	if len(rows) > 0 {
		m.printf("\n| seal | state | says | should be |\n|---|---|---|---|\n")
	}
	for i, row := range rows {
		if m.Len() > markdownMax {
			m.printf("\n… and %s: the JSON report has all.\n", count(len(rows)-i, "more seal", "more seals"))
			break
		}
		m.printf("| %s | %s | %s | %s |\n", shortCode(row.Place), row.State, optionalCode(row.Says), optionalCode(row.Expected))
	}
	for _, row := range rows {
		if len(row.Audiences) == 0 || m.Len() > markdownMax {
			continue
		}
		m.printf("\n### %s\n\n| consumer | is | takes it | wants |\n|---|---|---|---|\n", shortCode(row.Place))
		for _, a := range row.Audiences {
			m.printf("| `%s` | %s | %s | %s |\n", a.Name, a.About, a.Takes, optionalCode(a.Wants))
		}
	}
	for i := range s.Seals {
		if c := &s.Seals[i]; c.State != seals.Good && m.Len() < markdownMax {
			m.printf("\n%s\n", fenced(shortText(s.sealText(c), 4000)))
		}
	}
	m.trust(s)
	for i := range s.Explanations {
		if e := &s.Explanations[i]; e.Result != nil && m.Len() < markdownMax {
			m.printf("\n**Explained by** %s, which is what was sealed:\n\n", pathCode(e.Inside))
			if err := (Comparison{Result: e.Result}).markdown(&m); err != nil {
				return err
			}
		}
	}
	for _, n := range s.Notes {
		words := noteTexts[n.Kind]
		m.printf("\n**Note:** %s. %s\n", words.title(len(n.Items)), words.advice)
	}
	_, err := io.WriteString(w, m.String())
	return err
}

// fenced is text, in which names are escaped already, as a block of code.
func fenced(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "text\n" + strings.TrimSuffix(text, "\n") + "\n" + fence
}

// junit writes a test case for each seal, and one for that there are any, signed if that
// is wanted.
func (s *Seals) junit(w io.Writer) error {
	suite := junitSuite{Name: "cfsverify seal check", Properties: []junitProperty{{"image", printable.Text(s.Source)}}}
	word, about := s.verdict()
	sealed := junitCase{Name: "sealed", Classname: "cfsverify.seal"}
	if len(s.Seals) == 0 || s.Unsigned() {
		sealed.Failure = &junitFailure{Message: about, Type: word, Text: word + ": " + about}
	}
	suite.Cases = append(suite.Cases, sealed)
	for _, row := range s.rows() {
		c := junitCase{Name: row.Place, Classname: "cfsverify.seal"}
		if row.State != string(seals.Good) {
			c.Failure = &junitFailure{Message: "the seal is " + row.State, Type: row.State, Text: row.Text}
		}
		suite.Cases = append(suite.Cases, c)
	}
	var out strings.Builder
	if err := s.text(&out, Options{}); err != nil {
		return err
	}
	suite.SystemOut.Text = out.String()
	return writeJUnit(w, suite)
}

// annotations writes workflow commands of GitHub Actions.
func (s *Seals) annotations(w io.Writer) error {
	var out annotations
	word, about := s.verdict()
	if !s.Good() {
		out.command("error", word, about)
	} else if text := s.notForText(); text != "" {
		out.command("notice", word, about)
	}
	for i := range s.Seals {
		if c := &s.Seals[i]; c.State != seals.Good {
			out.command("error", SealPlace(c.Seal), shortText(s.sealText(c), 2000))
		}
	}
	for _, n := range s.Notes {
		words := noteTexts[n.Kind]
		out.command("notice", string(n.Kind), fmt.Sprintf("%s. %s", words.title(len(n.Items)), words.advice))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

type sealPage struct {
	Style                         template.CSS
	Policy                        string
	Verdict, Class, About, Source string
	Layers                        int
	For, ForAbout                 string
	Rows                          []sealRow
	After                         string
}

// html writes what is found of seals as one page that needs nothing else, not even a
// script.
func (s *Seals) html(w io.Writer) error {
	style, err := htmlFiles.ReadFile("html/report.css")
	if err != nil {
		return err
	}
	t, err := template.ParseFS(htmlFiles, "html/seals.html", "html/head.html")
	if err != nil {
		return err
	}
	page := sealPage{Style: template.CSS(style), Policy: contentPolicy(string(style), ""), Class: "bad", Source: printable.Text(s.Source), Layers: len(s.Layers), Rows: s.rows(), After: s.afterSealsText()}
	page.Verdict, page.About = s.verdict()
	if s.Good() {
		page.Class = "good"
	}
	if first := s.first(); first != nil {
		page.For, page.ForAbout = first.Name, first.About
	}
	return t.Execute(w, page)
}
