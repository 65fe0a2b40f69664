package cmd

import (
	"strings"
	"testing"

	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
)

// The example in the help is a file that works.
func TestGateExample(t *testing.T) {
	var example strings.Builder
	for line := range strings.Lines(helpText("gate")) {
		if text, found := strings.CutPrefix(line, "    "); found {
			example.WriteString(text)
		}
	}
	rules, err := gate.Parse([]byte(example.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) != 1 || rules[0].Cause != blame.ImplicitParent || rules[0].Path != "/usr/share/**" ||
		rules[0].Attribute != "mtime" || rules[0].Expires.Year() != 2027 {
		t.Errorf("%+v", rules)
	}
}
