package reports

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"cfsverify/canon/seal"
	"cfsverify/canon/tarfile"
)

// TestHostileForms: no form of a report has anything that a terminal or GitHub Actions act
// on, and but for commands that needs no last guard.
func TestHostileForms(t *testing.T) {
	name := "\n ::add-mask::x##[add-mask]y" + strings.Join(hostileNames(), " ")
	compared := hostile()
	compared.A.Source = name
	compared.B.Layers[0].Name = name
	command := regexp.MustCompile(`(?m)^\s*::|##[a-zA-Z]*\[`)
	own := regexp.MustCompile(`(?m)^::(error|warning|notice) title=cfsverify%3A [^\n]*::`)
	for kind, d := range map[string]Document{
		"comparison": Comparison{compared}, "lint": acceptedLint(), "lint of all": lintOf(tarfile.Rules()...), "seals": checkedSeals(), "raw": Raw{rawSample(t)},
		"seal write": &SealWrite{Target: name, Manifest: "sha256:1", Artifact: name, Seals: []seal.Seal{{Place: seal.Label, Key: name}, {Place: seal.UKI, Name: name}}},
		"identify":   &Identification{Nearest: []Identified{{Source: name, Has: 1}, {Source: name}}, Found: []Identified{{Source: name}}, Makers: []Makers{{Source: name}}},
	} {
		for _, form := range Forms(d) {
			for _, o := range []Options{{}, {Verbose: true, Width: 60}} {
				var bare, guarded bytes.Buffer
				if err := d.writers().of(form)(&bare, o); err != nil {
					t.Fatal(err)
				}
				if err := Write(&guarded, form, d, o); err != nil {
					t.Fatal(err)
				}
				for _, text := range []string{bare.String(), guarded.String()} {
					if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(text) {
						t.Errorf("%s as %s has %q", kind, form, text[max(i-20, 0):min(len(text), i+20)])
					}
				}
				if found := command.FindString(own.ReplaceAllString(guarded.String(), "")); found != "" {
					t.Errorf("%s as %s has the command %q", kind, form, found)
				}
			}
		}
	}
}
