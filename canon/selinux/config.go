package selinux

import (
	"path"
	"strings"

	"cfsverify/canon"
)

// Names are those of the policies that programs read /etc/selinux/config for, as
// directories below /etc/selinux.
type Names struct {
	// ComposefsRS labels by this one, none if it is empty and Labels is false.
	ComposefsRS string
	Labels      bool
	// Libselinux is the policy of setfiles, restorecon and systemd.
	Libselinux string
	// Lines is how many lines set SELINUXTYPE, for either.
	Lines int
}

// NamesOf reads the config of a tree. known is false if the tree does not have its
// content. libselinux was measured in its release 3.4: it takes the last line that begins
// with "SELINUXTYPE=", after blanks and in letters of any case, up to a NUL byte, and the
// policy "targeted" where there is no such line.
func NamesOf(t *canon.Tree) (names Names, known bool) {
	config, err := findConfig(t)
	if err != nil {
		return Names{}, false
	}
	names.Libselinux = "targeted"
	if config == nil {
		return names, true
	}
	content, known := config.content()
	if !known {
		return Names{}, false
	}
	components, err := policyName(config)
	if err != nil {
		return Names{}, false
	}
	names.Labels, names.ComposefsRS = components != nil, strings.Join(components, "/")
	for line := range strings.Lines(content) {
		key, _, _ := strings.Cut(line, "=")
		value, found := libselinuxType(line)
		if found {
			names.Libselinux = strings.TrimPrefix(path.Clean("/"+value), "/")
		}
		if found || isTypeKey(strings.TrimSpace(key)) && key != line {
			names.Lines++
		}
	}
	return names, true
}

// libselinuxType gives the value of a line of the config that sets SELINUXTYPE.
func libselinuxType(line string) (value string, found bool) {
	const tag, blanks = "SELINUXTYPE=", " \t\n\v\f\r"
	line, _, _ = strings.Cut(strings.TrimLeft(line, blanks), "\x00")
	if len(line) < len(tag) || !strings.EqualFold(line[:len(tag)], tag) {
		return "", false
	}
	value = strings.TrimRightFunc(line[len(tag):], func(r rune) bool { return r <= ' ' || r == '\x7f' })
	return strings.TrimLeft(value, blanks), true
}

// OnlyCompiled lists the paths of files of the tree's policy that are there in the form
// that libselinux compiles, and not as the text that composefs-rs reads.
func OnlyCompiled(t *canon.Tree) []string {
	config, err := findConfig(t)
	if config == nil || err != nil {
		return nil
	}
	names, err := policyName(config)
	if names == nil || err != nil {
		return nil
	}
	names = append(names, "contexts", "files")
	dir, err := findDir(t.Lookup(policyDirs).Node, policyDirs, names...)
	if dir == nil || err != nil {
		return nil
	}
	var list []string
	for _, name := range ruleFiles {
		if dir.Child(name) == nil && dir.Child(name+".bin") != nil {
			list = append(list, policyDirs+"/"+strings.Join(names, "/")+"/"+name+".bin")
		}
	}
	return list
}
