package gate

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/goccy/go-yaml"
)

var place = regexp.MustCompile(`^\[[1-9]\d*:[1-9]\d*\] \S`)

// FuzzParse: a file is refused with a place, or has at least one rule, and of each rule
// only keys that hold something.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "allow:", "allow: []", "allow:\n  - reason: all\n",
		"allow:\n  - {cause: umask, path: /usr/**, attribute: mtime, reason: known, expires: 2027-01-31}\n",
		"allow:\n  - &a\n    reason: >\n      two\n      lines\n  - *a\n  - {reason: !!str 5, ? path : /x}\n",
		"allow:\n  - path: ''\n    reason: r\n", "allow:\n  - reason: r\n    path: \"\\u200b\"\n", "allow:\n  - <<: {reason: r}\n",
		"allow:\n  - {cause: subsecond-mtime, reason: r}\n", "---\nallow: [{reason: a}]\n---\nallow: [{reason: b}]\n", "allow: &a [*a]",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, parse := range map[string]func([]byte) ([]Allowance, error){"differences": Parse, "departures": ParseLint} {
			rules, err := parse(data)
			if err != nil {
				if !place.MatchString(err.Error()) {
					t.Errorf("%s: the error has no place: %q", name, err)
				}
				continue
			}
			var file struct{ Allow []map[string]any }
			if err := yaml.Unmarshal(data, &file); err != nil {
				t.Fatalf("%s: accepted, but %v", name, err)
			}
			if len(rules) == 0 || len(rules) != len(file.Allow) {
				t.Fatalf("%s: %d rules of %d", name, len(rules), len(file.Allow))
			}
			for i, rule := range rules {
				held := map[string]bool{
					"cause": !isBlank(string(rule.Cause)), "path": !isBlank(rule.Path), "attribute": !isBlank(rule.Attribute),
					"reason": !isBlank(rule.Reason), "expires": !rule.Expires.IsZero(),
				}
				for key, value := range file.Allow[i] {
					if !held[key] || isBlank(fmt.Sprint(value)) {
						t.Errorf("%s: rule %d has the key %q without a value", name, i+1, key)
					}
				}
			}
		}
	})
}
