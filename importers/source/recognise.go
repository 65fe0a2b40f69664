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

// NotThereError says that there is nothing in a path, and what may have been meant.
type NotThereError struct {
	// Arg is as it was written, and Hint what follows in the text, empty if nothing can be
	// said.
	Arg, Hint string
}

func (e *NotThereError) Error() string {
	return printable.Text(e.Arg) + ": no such file or directory" + e.Hint
}

func unrecognised(arg string) error {
	return &NotThereError{Arg: arg, Hint: hint(arg)}
}

// hint guesses what was meant by what is no path.
func hint(arg string) string {
	// What exists up to a colon is most likely a layout with a tag.
	if path, ref := splitRef(arg, true); ref != "" && exists(path) {
		if s, err := recognise(path); err == nil && (s.Transport == OCI || s.Transport == OCIArchive || s.Transport == DockerArchive) {
			return fmt.Sprintf(": did you mean %s:%s", s.Transport, printable.Text(arg))
		}
	}
	if prefix, rest, found := strings.Cut(arg, ":"); found && !strings.ContainsAny(prefix, "/.") {
		return fmt.Sprintf(", and %q is no transport: %s", prefix, otherTransport(prefix, rest))
	}
	if _, err := name.ParseReference(arg); err != nil {
		return ""
	}
	if strings.HasPrefix(arg, "localhost/") {
		return fmt.Sprintf(": an image that podman or buildah has is written containers-storage:%s", printable.Text(arg))
	}
	return fmt.Sprintf(": an image in a registry is written docker://%s", printable.Text(arg))
}

// otherTransport is what to write in the place of a transport that is none.
func otherTransport(prefix, rest string) string {
	switch prefix {
	case "podman", "buildah":
		return "did you mean containers-storage:" + printable.Text(strings.TrimPrefix(rest, "//"))
	case "docker-daemon":
		return fmt.Sprintf("did you mean docker-overlay2:%s, or a FILE that docker save writes, docker-archive:FILE", printable.Text(rest))
	}
	for _, t := range Transports() {
		if isTypo(prefix, string(t)) {
			return fmt.Sprintf("did you mean %s:%s", t, printable.Text(rest))
		}
	}
	return "use one of " + prefixes()
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
