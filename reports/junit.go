package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"cfsverify/canon/printable"
	"cfsverify/compare/blame"
	"cfsverify/compare/verify"
)

// The form that GitLab, Jenkins and others read: a suite with a case for the
// digests and one for each cause.
type junitSuites struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Suite    junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	// SystemOut is the text report.
	SystemOut junitText `xml:"system-out"`
}

type junitText struct {
	Text string `xml:",cdata"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	Classname string        `xml:"classname,attr"`
	Failure   *junitFailure `xml:"failure"`
	Skipped   *junitSkipped `xml:"skipped"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",cdata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

// junit writes a test case for the digests, and a failed or, where the gate accepts
// or ignores it, skipped one for each cause.
func (c Comparison) junit(w io.Writer) error {
	suite := junitSuite{Name: "cfsverify", Cases: []junitCase{digestCase(c)}}
	for _, side := range c.sides() {
		suite.Properties = append(suite.Properties,
			junitProperty{side.Name, printable.Text(side.Source)}, junitProperty{side.Name + "-digest", side.Digest.String()})
	}
	suite.Properties = append(suite.Properties, junitProperty{"recipe", recipeText(c.Recipe, c.Rules)})
	if text := recognisedText(c.Recognised); text != "" {
		suite.Properties = append(suite.Properties, junitProperty{"recognised", text})
	}
	failing := c.Failing()
	for _, f := range c.Findings {
		test := junitCase{Name: string(f.Cause), Classname: "cfsverify.cause"}
		if left := findingOf(failing, f.Cause); left != nil {
			test.Failure = &junitFailure{Message: findingMessage(left), Type: string(f.Cause), Text: findingText(left, c.sideNames())}
		} else if findingOf(c.Gate.Ignored, f.Cause) != nil {
			test.Skipped = &junitSkipped{Message: "ignored: " + gateText(c.Gate)}
		} else {
			test.Skipped = &junitSkipped{Message: "accepted: " + gateText(c.Gate)}
		}
		suite.Cases = append(suite.Cases, test)
	}
	var out strings.Builder
	if err := c.text(&out, Options{}); err != nil {
		return err
	}
	suite.SystemOut.Text = out.String()
	return writeJUnit(w, suite)
}

// writeJUnit counts the cases of a suite and writes the document.
func writeJUnit(w io.Writer, suite junitSuite) error {
	for _, c := range suite.Cases {
		suite.Tests++
		if c.Failure != nil {
			suite.Failures++
		}
		if c.Skipped != nil {
			suite.Skipped++
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Name: "cfsverify", Tests: suite.Tests, Failures: suite.Failures, Suite: suite}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func digestCase(r Comparison) junitCase {
	c := junitCase{Name: "composefs digests are equal", Classname: "cfsverify"}
	digests := fmt.Sprintf("%s %s\n%s %s\n", r.A.Name, r.A.Digest, r.B.Name, r.B.Digest)
	if r.FailsByOtherRules() {
		for _, side := range r.Disagreement.Sides {
			digests += otherRulesText(side) + "\n"
		}
		c.Failure = &junitFailure{Message: r.about(), Type: layerRules, Text: digests + layerRulesAdvice + "\n"}
		return c
	}
	switch r.Conclusion() {
	case verify.Same:
	case verify.Accepted:
		c.Skipped = &junitSkipped{Message: gateText(r.Gate)}
	case verify.Ignored:
		c.Skipped = &junitSkipped{Message: "ignored: " + gateText(r.Gate)}
	default:
		c.Failure = &junitFailure{
			Message: count(len(r.Differences), "entry differs", "entries differ"), Type: "digest",
			Text: digests + proofText(r.Proof, len(r.Findings)) + "\n",
		}
	}
	return c
}

func findingOf(findings []blame.Finding, cause blame.Cause) *blame.Finding {
	for i := range findings {
		if findings[i].Cause == cause {
			return &findings[i]
		}
	}
	return nil
}

// findingMessage is a finding in a line.
func findingMessage(f *blame.Finding) string {
	text := CauseOf(f.Cause)
	return fmt.Sprintf("%s (%s). %s", text.Title, count(len(f.Entries), "entry", "entries"), text.Advice)
}

// findingText is a finding as the text report has it.
func findingText(f *blame.Finding, names [2]string) string {
	var out strings.Builder
	t := newText(&out, Options{})
	t.names = names
	t.finding(f)
	return strings.TrimPrefix(out.String(), "\n")
}
