package reports

import (
	"fmt"
	"strings"

	"cfsverify/canon/policy"
	"cfsverify/canon/printable"
	"cfsverify/compare/verify"
)

// recognisedText says what a comparison made of a side that was prepared for booting
// before it was written; empty if there is none.
func recognisedText(r *verify.Recognised) string {
	return recognisedAs(r, func(s string) string { return s })
}

// recognisedAs shows an error, which may have names of the image, by a function.
func recognisedAs(r *verify.Recognised, show func(string) string) string {
	if r == nil {
		return ""
	}
	text := fmt.Sprintf("%s was prepared for booting before it was written (%s)", r.Name, strings.Join(r.Facts, "; "))
	if r.Err != nil {
		return fmt.Sprintf("%s, but %s cannot be: %s", text, r.Other, show(printable.Text(r.Err.Error())))
	}
	text += fmt.Sprintf(", so %s is prepared too, as by %s", r.Other, BootFlags(r.Prepared))
	if r.LeftOut > 0 {
		text += ", without " + count(r.LeftOut, "name", "names") + " in /boot and /sysroot"
	}
	return text + ": --bootable=false compares them as they are"
}

// BootFlags are those that prepare a tree in the same way.
func BootFlags(p *policy.Prepared) string {
	flags := "--bootable"
	if p.Boot != policy.BootSeconds {
		flags += " --boot-mtime " + string(p.Boot)
	}
	if p.Links == policy.LinksLastLabel {
		flags += " --hardlinks " + string(p.Links)
	}
	return flags
}

type jsonRecognised struct {
	Side      string          `json:"side"`
	Boot      policy.BootRule `json:"boot"`
	Hardlinks policy.LinkRule `json:"hardlinks"`
	Labelled  bool            `json:"labelled"`
	Facts     []string        `json:"facts"`
	LeftOut   int             `json:"leftOut"`
	Refusal   string          `json:"refusal,omitempty"`
}

func recognisedJSON(r *verify.Recognised) *jsonRecognised {
	if r == nil {
		return nil
	}
	return &jsonRecognised{r.Name, r.Boot, r.Links, r.Labelled, r.Facts, r.LeftOut, printable.Text(errorText(r.Err))}
}
