package source

import (
	"fmt"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"cfsverify/canon/printable"
)

// recognise finds out what a path without a transport is. It guesses only where all
// that is there is of one kind: what an image brings must not decide how it is read.
func recognise(arg string) (Source, error) {
	if !exists(arg) {
		return Source{}, unrecognised(arg)
	}
	what, err := look(arg, func(*names) bool { return false })
	switch {
	case err != nil:
		return Source{}, err
	case len(what.by) == 1:
	case what.is != "":
		return Source{}, what.refuse(arg, arg, "")
	case !isRegular(arg):
		return Source{}, fmt.Errorf("%s is no regular file, so it cannot be looked at first: say what it is by one of %s", printable.Text(arg), prefixes())
	default:
		return Source{}, fmt.Errorf("%s is none of the files that are recognised: say what it is by one of %s", printable.Text(arg), prefixes())
	}
	transport := what.by[0]
	switch {
	case transport == Tar && strings.Contains(arg, ","):
		return Source{}, fmt.Errorf("%q: the name of a layer cannot have a comma, which stands between layers: give the file another name, or a symlink", arg)
	case transport == Tar:
		return Source{Transport: Tar, Layers: []string{arg}}, nil
	}
	return Source{Transport: transport, Path: arg}, nil
}

func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func unrecognised(arg string) error {
	shown := printable.Text(arg)
	// What exists up to a colon is most likely a layout with a tag.
	if path, ref := splitRef(arg, true); ref != "" && exists(path) {
		if s, err := recognise(path); err == nil && (s.Transport == OCI || s.Transport == OCIArchive || s.Transport == DockerArchive) {
			return fmt.Errorf("%s: no such file or directory: did you mean %s:%s", shown, s.Transport, shown)
		}
	}
	if prefix, rest, found := strings.Cut(arg, ":"); found && !strings.ContainsAny(prefix, "/.") {
		for _, t := range Transports() {
			if isTypo(prefix, string(t)) {
				return fmt.Errorf("%s: no such file or directory, and %q is no transport: did you mean %s:%s", shown, prefix, t, printable.Text(rest))
			}
		}
		return fmt.Errorf("%s: no such file or directory, and %q is no transport: use one of %s", shown, prefix, prefixes())
	}
	if _, err := name.ParseReference(arg); err != nil {
		return fmt.Errorf("%s: no such file or directory", shown)
	}
	return fmt.Errorf("%s: no such file or directory: an image in a registry is written docker://%s", shown, shown)
}

// isTypo says that a word is another one with a letter too many, too few, wrong,
// or at its neighbour's place, or in other case.
func isTypo(word, want string) bool {
	word = strings.ToLower(word)
	head := 0
	for head < len(word) && head < len(want) && word[head] == want[head] {
		head++
	}
	tail := 0
	for tail < len(word)-head && tail < len(want)-head && word[len(word)-1-tail] == want[len(want)-1-tail] {
		tail++
	}
	a, b := word[head:len(word)-tail], want[head:len(want)-tail]
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

func prefixes() string {
	var names []string
	for _, t := range Transports() {
		if t == Docker {
			names = append(names, "docker://")
			continue
		}
		names = append(names, string(t)+":")
	}
	return strings.Join(names, ", ")
}
