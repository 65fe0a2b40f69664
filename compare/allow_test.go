package compare

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
)

// twoFindings are unexplained modes and mtimes, and a directory that one side
// has.
func twoFindings() []Finding {
	changed := func(path string, changes ...Change) Entry {
		return Entry{Difference: &Difference{Path: path, Status: Changed, Changes: changes}, Explained: changes}
	}
	return []Finding{
		{Cause: UserXattr, Entries: []Entry{changed("/etc/x", Change{Xattr, "user.a"}, Change{Xattr, "user.b"})}},
		{Cause: Unexplained, Entries: []Entry{
			changed("/etc/a/b", Change{Field: Mode}, Change{Field: Mtime}),
			changed("/etc/*", Change{Field: Mode}),
			{Difference: &Difference{Path: "/etc/new", Status: OnlyInA, A: &canon.Dirent{}}},
		}},
	}
}

// allowLines writes what was accepted, by the number of the rule, and what is
// left.
func allowLines(a Allowed, rules []Rule) []string {
	var lines []string
	for _, accepted := range a.Accepted {
		for i, r := range rules {
			if r == accepted.Rule {
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
		rules []Rule
		want  []string
	}{
		"no rule": {nil, all},
		"everything": {[]Rule{{Reason: "all"}}, []string{
			"0 accepts user-xattr /etc/x [{xattr user.a} {xattr user.b}]", "0 accepts unexplained /etc/a/b [{mode } {mtime }]",
			"0 accepts unexplained /etc/* [{mode }]", "0 accepts unexplained /etc/new []"}},
		"cause":     {[]Rule{{Cause: UserXattr}}, append([]string{"0 accepts user-xattr /etc/x [{xattr user.a} {xattr user.b}]"}, all[1:]...)},
		"xattr":     {[]Rule{{Attribute: "xattr:user.b"}}, append([]string{"0 accepts user-xattr /etc/x [{xattr user.b}]", "left user-xattr /etc/x [{xattr user.a}]"}, all[1:]...)},
		"attribute": {[]Rule{{Attribute: "mtime"}}, []string{"0 accepts unexplained /etc/a/b [{mtime }]", all[0], "left unexplained /etc/a/b [{mode }]", all[2], all[3]}},
		"one directory deep": {[]Rule{{Path: "/etc/*", Cause: Unexplained}}, []string{
			"0 accepts unexplained /etc/* [{mode }]", "0 accepts unexplained /etc/new []", all[0], all[1]}},
		"any depth": {[]Rule{{Path: "/etc/**", Attribute: "mode"}}, []string{
			"0 accepts unexplained /etc/a/b [{mode }]", "0 accepts unexplained /etc/* [{mode }]", all[0], "left unexplained /etc/a/b [{mtime }]", all[3]}},
		"a literal star": {[]Rule{{Path: `/etc/\*`}}, []string{"0 accepts unexplained /etc/* [{mode }]", all[0], all[1], all[3]}},
		"the first rule that fits": {[]Rule{{Path: "/etc/new", Reason: "one"}, {Path: "/etc/n*", Reason: "two"}},
			append([]string{"0 accepts unexplained /etc/new []"}, append(all[:3:3], "unused two")...)},
		"not below":      {[]Rule{{Path: "/etc", Reason: "dir"}}, append(all[:4:4], "unused dir")},
		"expired":        {[]Rule{{Reason: "old", Expires: yesterday}}, append(all[:4:4], "expired old")},
		"not expired":    {[]Rule{{Path: "/etc/new", Expires: today}}, append([]string{"0 accepts unexplained /etc/new []"}, all[:3]...)},
		"expired, other": {[]Rule{{Path: "/etc/new", Expires: yesterday, Reason: "old"}, {Path: "/etc/new", Reason: "new"}}, append([]string{"1 accepts unexplained /etc/new []"}, append(all[:3:3], "expired old")...)},
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
		rule Rule
		want string
	}{
		{Rule{Reason: "r", Cause: ImplicitParent, Path: "/usr/**", Attribute: "mtime"}, ""},
		{Rule{Reason: "r", Path: "**/x", Attribute: "xattr:user.x"}, ""},
		{Rule{Cause: ImplicitParent}, "no reason"},
		{Rule{Reason: " "}, "no reason"},
		{Rule{Reason: "r", Cause: "implicit-parents"}, `"implicit-parents" is not known`},
		{Rule{Reason: "r", Path: "/usr/["}, "not a valid glob"},
		{Rule{Reason: "r", Path: "usr/*"}, "does not begin with /"},
		{Rule{Reason: "r", Attribute: "date"}, "write one of type, mode,"},
		{Rule{Reason: "r", Attribute: "xattr:"}, "xattr:NAME"},
	} {
		err := tt.rule.Validate(Causes())
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v, want %q", tt.rule, err, tt.want)
		}
	}
}
