package source

import (
	"fmt"
	"regexp"
	"strings"
)

// ParseLayout reads the name of an OCI layout to write to, oci:PATH[:TAG]. The
// transport may be left out where PATH has no colon.
func ParseLayout(arg string) (Source, error) {
	rest, found := strings.CutPrefix(arg, string(OCI)+":")
	if !found && strings.Contains(arg, ":") || rest == "" {
		return Source{}, fmt.Errorf("%q: only an OCI layout can be written: name it as oci:PATH[:TAG]", arg)
	}
	path, ref := splitRef(rest, true)
	switch {
	case path == "":
		return Source{}, fmt.Errorf("%q: the path is missing", arg)
	case strings.HasPrefix(ref, "sha256:"):
		return Source{}, fmt.Errorf("%q: the digest follows from what is written: name a tag, or nothing", arg)
	case ref == "" && path != rest, ref != "" && !refName().MatchString(ref):
		return Source{}, fmt.Errorf("%q: %q is no tag: write letters and digits, with single characters of -._:@+/ between them", arg, ref)
	}
	return Source{Transport: OCI, Path: path, Ref: ref}, nil
}

// refName is the grammar of OCI image-spec, annotations.md, "Pre-Defined
// Annotation Keys", for org.opencontainers.image.ref.name.
func refName() *regexp.Regexp {
	const component = `[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*`
	return regexp.MustCompile(`^` + component + `(?:/` + component + `)*$`)
}
