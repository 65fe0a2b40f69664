package gate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/compare"
	"cfsverify/compare/blame"
)

// twoFindings are unexplained modes and mtimes, and a directory that one side
// has.
func twoFindings() []blame.Finding {
	changed := func(path string, changes ...compare.Change) blame.Entry {
		return blame.Entry{Difference: &compare.Difference{Path: path, Status: compare.Changed, Changes: changes}, Explained: changes}
	}
	return []blame.Finding{
		{Cause: blame.UserXattr, Entries: []blame.Entry{changed("/etc/x", compare.Change{Field: compare.Xattr, Xattr: "user.a"}, compare.Change{Field: compare.Xattr, Xattr: "user.b"})}},
		{Cause: blame.Unexplained, Entries: []blame.Entry{
			changed("/etc/a/b", compare.Change{Field: compare.Mode}, compare.Change{Field: compare.Mtime}),
			changed("/etc/*", compare.Change{Field: compare.Mode}),
			{Difference: &compare.Difference{Path: "/etc/new", Status: compare.OnlyInA, A: &canon.Dirent{}}},
		}},
	}
}

// allowLines writes what was accepted, by the number of the rule, and what is
// left.
func allowLines(a Allowed, rules []Allowance) []string {
	var lines []string
	for _, accepted := range a.Accepted {
		for i, r := range rules {
			if r == accepted.Allowance {
				for _, e := range accepted.Entries {
					lines = append(lines, fmt.Sprintf("%d accepts %s %s %v", i, e.Cause, e.Path, e.Explained))
				}
			}
		}
	}
	for _, f := range a.Left {
		for _, e := range f.Entries {
			lines = append(lines, fmt.Sprintf("left %s %s %v", f.Cause, e.Path, e.Explained))
		}
	}
	for _, r := range a.Unused {
		lines = append(lines, "unused "+r.Reason)
	}
	for _, r := range a.Expired {
		lines = append(lines, "expired "+r.Reason)
	}
	return lines
}

func TestAllow(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	today, yesterday := now, now.AddDate(0, 0, -1)
	all := []string{
		"left user-xattr /etc/x [{xattr user.a} {xattr user.b}]", "left unexplained /etc/a/b [{mode } {mtime }]",
		"left unexplained /etc/* [{mode }]", "left unexplained /etc/new []",
	}
	for name, tt := range map[string]struct {
		rules []Allowance
		want  []string
	}{
		"no rule": {nil, all},
		"everything": {[]Allowance{{Reason: "all"}}, []string{
			"0 accepts user-xattr /etc/x [{xattr user.a} {xattr user.b}]", "0 accepts unexplained /etc/a/b [{mode } {mtime }]",
			"0 accepts unexplained /etc/* [{mode }]", "0 accepts unexplained /etc/new []"}},
		"cause":     {[]Allowance{{Cause: blame.UserXattr}}, append([]string{"0 accepts user-xattr /etc/x [{xattr user.a} {xattr user.b}]"}, all[1:]...)},
		"xattr":     {[]Allowance{{Attribute: "xattr:user.b"}}, append([]string{"0 accepts user-xattr /etc/x [{xattr user.b}]", "left user-xattr /etc/x [{xattr user.a}]"}, all[1:]...)},
		"attribute": {[]Allowance{{Attribute: "mtime"}}, []string{"0 accepts unexplained /etc/a/b [{mtime }]", all[0], "left unexplained /etc/a/b [{mode }]", all[2], all[3]}},
		"one directory deep": {[]Allowance{{Path: "/etc/*", Cause: blame.Unexplained}}, []string{
			"0 accepts unexplained /etc/* [{mode }]", "0 accepts unexplained /etc/new []", all[0], all[1]}},
		"any depth": {[]Allowance{{Path: "/etc/**", Attribute: "mode"}}, []string{
			"0 accepts unexplained /etc/a/b [{mode }]", "0 accepts unexplained /etc/* [{mode }]", all[0], "left unexplained /etc/a/b [{mtime }]", all[3]}},
		"a literal star": {[]Allowance{{Path: `/etc/\*`}}, []string{"0 accepts unexplained /etc/* [{mode }]", all[0], all[1], all[3]}},
		"the first rule that fits": {[]Allowance{{Path: "/etc/new", Reason: "one"}, {Path: "/etc/n*", Reason: "two"}},
			append([]string{"0 accepts unexplained /etc/new []"}, append(all[:3:3], "unused two")...)},
		"not below":      {[]Allowance{{Path: "/etc", Reason: "dir"}}, append(all[:4:4], "unused dir")},
		"expired":        {[]Allowance{{Reason: "old", Expires: yesterday}}, append(all[:4:4], "expired old")},
		"not expired":    {[]Allowance{{Path: "/etc/new", Expires: today}}, append([]string{"0 accepts unexplained /etc/new []"}, all[:3]...)},
		"expired, other": {[]Allowance{{Path: "/etc/new", Expires: yesterday, Reason: "old"}, {Path: "/etc/new", Reason: "new"}}, append([]string{"1 accepts unexplained /etc/new []"}, append(all[:3:3], "expired old")...)},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, allowLines(Allow(twoFindings(), tt.rules, now), tt.rules)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRuleValidate(t *testing.T) {
	for _, tt := range []struct {
		rule Allowance
		want string
	}{
		{Allowance{Reason: "r", Cause: blame.ImplicitParent, Path: "/usr/**", Attribute: "mtime"}, ""},
		{Allowance{Reason: "r", Path: "**/x", Attribute: "xattr:user.x"}, ""},
		{Allowance{Cause: blame.ImplicitParent}, "no reason"},
		{Allowance{Reason: " "}, "no reason"},
		{Allowance{Reason: "r", Cause: "implicit-parents"}, `"implicit-parents" is not known`},
		{Allowance{Reason: "r", Path: "/usr/["}, "not a valid glob"},
		{Allowance{Reason: "r", Path: "usr/*"}, "does not begin with /"},
		{Allowance{Reason: "r", Attribute: "date"}, "write one of type, mode,"},
		{Allowance{Reason: "r", Attribute: "xattr:"}, "xattr:NAME"},
	} {
		err := tt.rule.Validate(blame.Causes())
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v, want %q", tt.rule, err, tt.want)
		}
	}
}
