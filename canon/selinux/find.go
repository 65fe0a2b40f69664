package selinux

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"cfsverify/canon"
)

// ContentMax is the number of bytes that all files of a policy may have together.
// Debian's have 0.35 MB.
const ContentMax = 16 << 20

const (
	configPath = "/etc/selinux/config"
	policyDirs = "/etc/selinux"
)

// ruleFiles and aliasFiles are named below the directory of the policy, in the order in
// which composefs-rs reads them. Only the first must be there.
var (
	ruleFiles  = []string{"file_contexts", "file_contexts.local", "file_contexts.homedirs"}
	aliasFiles = []string{"file_contexts.subs", "file_contexts.subs_dist"}
)

// File is a file of a tree that its policy is read from.
type File struct {
	// Path is absolute.
	Path  string
	Node  *canon.Node
	Entry *canon.Dirent
}

// MayBeFile says that a path, which is absolute, is one that some policy's files have.
// What else is in /etc/selinux is larger by far: composefs-rs does not read what is
// compiled.
func MayBeFile(file string) bool {
	if file == configPath {
		return true
	}
	dir, name := path.Split(file)
	return strings.HasPrefix(dir, policyDirs+"/") && strings.HasSuffix(dir, "/contexts/files/") &&
		(slices.Contains(ruleFiles, name) || slices.Contains(aliasFiles, name))
}

// Hold gives the file its content, in a canon.Content of its own: other trees may share
// the one that it had.
func (f *File) Hold(content []byte) {
	c := *f.Node.Content
	c.Held = content
	f.Node.Content = &c
}

// Files lists the files of the tree that its policy is read from: /etc/selinux/config
// and, if the content of that is known, those of the policy that it names. It lists none
// if the tree has no policy. An error is an *Error about where the policy is.
func Files(t *canon.Tree) ([]File, error) {
	config, err := findConfig(t)
	if config == nil || err != nil {
		return nil, err
	}
	files := []File{*config}
	if _, there := config.content(); !there {
		return files, nil
	}
	rules, aliases, err := findFiles(t, config)
	if err != nil {
		return nil, err
	}
	return append(append(files, rules...), aliases...), nil
}

// Missing lists the files of the tree whose content is needed next to label it, and
// is neither inline nor held: first /etc/selinux/config, then, once the content of that
// is known, the others. It lists none if all is there, or if the tree has no policy.
// An error is an *Error about where the policy is.
func Missing(t *canon.Tree) ([]File, error) {
	files, err := Files(t)
	if err != nil {
		return nil, err
	}
	var missing []File
	for _, f := range files {
		if _, there := f.content(); !there {
			missing = append(missing, f)
		}
	}
	return missing, nil
}

// content is what the file holds, and whether that is known.
func (f *File) content() (string, bool) {
	c := f.Node.Content
	switch {
	case f.Node.Size == 0:
		return "", true
	case c == nil:
		return "", false
	case c.Inline != nil:
		return string(c.Inline), true
	}
	return string(c.Held), c.Held != nil
}

// read is content, where it must be known.
func (f *File) read() (string, error) {
	content, there := f.content()
	if !there {
		return "", &Error{Path: f.Path, Reason: "its content is not known here"}
	}
	return content, nil
}

// findConfig finds /etc/selinux/config, nil if the tree has none.
func findConfig(t *canon.Tree) (*File, error) {
	dir, err := findDir(t.Root, "", "etc", "selinux")
	if dir == nil || err != nil {
		return nil, err
	}
	config, err := findFile(dir, policyDirs, "config")
	if err == nil && config != nil && config.Node.Size > ContentMax {
		return nil, tooLarge(config.Path)
	}
	return config, err
}

// findFiles finds the files of the policy that the config names: those of rules and
// those of aliases. None are found where the config names no policy.
func findFiles(t *canon.Tree, config *File) (rules, aliases []File, err error) {
	names, err := policyName(config)
	if names == nil || err != nil {
		return nil, nil, err
	}
	names = append(names, "contexts", "files")
	path := policyDirs + "/" + strings.Join(names, "/")
	dir, err := findDir(t.Lookup(policyDirs).Node, policyDirs, names...)
	if err != nil {
		return nil, nil, err
	}
	if dir == nil {
		return nil, nil, &Error{Path: path, Reason: "this directory of the policy that " + configPath + " names is missing (quotes and comments are part of the name)"}
	}
	size := config.Node.Size
	find := func(list []string) (found []File, err error) {
		for _, name := range list {
			f, err := findFile(dir, path, name)
			if err != nil {
				return nil, err
			}
			if f == nil {
				continue
			}
			// Each size is bounded before it is added, so that the sum cannot overflow.
			if size += min(f.Node.Size, ContentMax+1); size > ContentMax {
				return nil, tooLarge(f.Path)
			}
			found = append(found, *f)
		}
		return found, nil
	}
	if rules, err = find(ruleFiles); err != nil {
		return nil, nil, err
	}
	if len(rules) == 0 || rules[0].Entry.Name != ruleFiles[0] {
		reason := "the policy's file of rules is missing"
		if dir.Child(ruleFiles[0]+".bin") != nil {
			reason += "; composefs-rs does not read " + ruleFiles[0] + ".bin, which is there"
		}
		return nil, nil, &Error{Path: path + "/" + ruleFiles[0], Reason: reason}
	}
	aliases, err = find(aliasFiles)
	return rules, aliases, err
}

func tooLarge(path string) *Error {
	return &Error{Path: path, Reason: fmt.Sprintf("up to this file the policy has more than %d bytes", ContentMax)}
}

// findDir goes down from a directory by names, and returns nil if one is missing.
func findDir(dir *canon.Node, path string, names ...string) (*canon.Node, error) {
	for _, name := range names {
		e := dir.Child(name)
		if e == nil {
			return nil, nil
		}
		path += "/" + name
		if e.Node.Kind != canon.Directory {
			return nil, wrongKind(path, e.Node.Kind, "a directory")
		}
		dir = e.Node
	}
	return dir, nil
}

// findFile finds a regular file in a directory, nil if there is nothing of the name.
func findFile(dir *canon.Node, path, name string) (*File, error) {
	e := dir.Child(name)
	if e == nil {
		return nil, nil
	}
	path += "/" + name
	if e.Node.Kind != canon.Regular {
		return nil, wrongKind(path, e.Node.Kind, "a regular file")
	}
	return &File{path, e.Node, e}, nil
}

func wrongKind(path string, kind canon.Kind, want string) *Error {
	return &Error{
		Path:           path,
		Reason:         fmt.Sprintf("a %v where composefs-rs needs %s to find the policy", kind, want),
		FollowedByScan: kind == canon.Symlink,
	}
}

// policyName reads the config. It returns the components of the policy's name, none of
// them empty, or nil if the config names no policy. The first line with the key
// SELINUXTYPE counts.
func policyName(config *File) ([]string, error) {
	content, err := config.read()
	if err != nil {
		return nil, err
	}
	number := 0
	for line := range strings.Lines(content) {
		number++
		if !utf8.ValidString(line) {
			return nil, &Error{Path: config.Path, Line: number, Reason: notUTF8}
		}
		key, value, found := strings.Cut(line, "=")
		if !found || !isTypeKey(strings.TrimSpace(key)) {
			continue
		}
		names, reason := splitName(strings.TrimSpace(value))
		if reason != "" {
			return nil, &Error{Path: config.Path, Line: number, Reason: reason}
		}
		return names, nil
	}
	return nil, nil
}

// isTypeKey compares ASCII letters only: EqualFold alone would take the long s for an
// S, which has two bytes.
func isTypeKey(key string) bool {
	const name = "SELINUXTYPE"
	return len(key) == len(name) && strings.EqualFold(key, name)
}

// splitName splits a policy's name as Rust splits paths: only a first "." counts.
func splitName(name string) (components []string, reason string) {
	components = []string{}
	for i, c := range strings.Split(name, "/") {
		switch {
		case c == "..", c == "." && i == 0:
			return nil, fmt.Sprintf("composefs-rs does not look for a policy named %q", name)
		case c != "" && c != ".":
			components = append(components, c)
		}
	}
	return components, ""
}
