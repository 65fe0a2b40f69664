package layer

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"cfsverify/canon"
)

// pathMax is PATH_MAX of linux/limits.h.
const pathMax = 4096

// cleanPath gives the components of a name in an archive, joined by slashes:
// empty for the root. Leading, repeated and trailing slashes and "." vanish.
// ".." is an error: nothing in a layer can mean what is outside, and tools
// disagree about the rest.
func cleanPath(name string) (string, error) {
	switch {
	case name == "":
		return "", errors.New("the name is empty")
	case len(name) > pathMax:
		return "", fmt.Errorf("the name has %d bytes, the limit is %d", len(name), pathMax)
	case strings.Contains(name, "\x00"):
		return "", errors.New("the name holds a NUL byte")
	}
	path := strings.Trim(strings.TrimPrefix(name, "./"), "/")
	clean := true
	for component := range strings.SplitSeq(path, "/") {
		if component == "" || component == "." {
			clean = false
			continue
		}
		if component == ".." {
			return "", errors.New(`the name has a ".." component`)
		}
		if err := canon.ValidName(component); err != nil {
			return "", err
		}
	}
	if clean {
		return path, nil
	}
	var components []string
	for component := range strings.SplitSeq(path, "/") {
		if component != "" && component != "." {
			components = append(components, component)
		}
	}
	return strings.Join(components, "/"), nil
}

// SplitPath gives the directory, empty for the root, and the last component.
func SplitPath(path string) (dir, base string) {
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 {
		return "", path
	}
	return path[:slash], path[slash+1:]
}

// JoinPath joins a directory and a name, of which either may be empty.
func JoinPath(dir, name string) string {
	if dir == "" || name == "" {
		return dir + name
	}
	return dir + "/" + name
}

// CompareCanonical orders clean paths as canon.Tree.All does, by their components:
// so that a slash comes before all else that names can have.
func CompareCanonical(a, b string) int {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == b[i]:
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		default:
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

// WhiteoutPrefix begins the names of markers: OCI image-spec, layer.md,
// "Whiteouts".
const (
	WhiteoutPrefix = ".wh."
	aufsPrefix     = ".wh..wh."
	OpaqueName     = ".wh..wh..opq"
)

// MarkerKind is what a name stands for that is not the name of a file.
type MarkerKind uint8

const (
	// NoMarker is the name of a file.
	NoMarker MarkerKind = iota
	// Whiteout hides one name of the layers below.
	Whiteout
	// Opaque hides all that the layers below have in the directory.
	Opaque
	// AUFS is one of the files that AUFS kept beside, or below one.
	AUFS
	// BadMarker stands for nothing.
	BadMarker
)

// MarkerOf classifies a clean path by the OCI rules. For a whiteout it gives the
// name that is hidden.
func MarkerOf(path string) (m MarkerKind, hidden string) {
	if !strings.Contains(path, WhiteoutPrefix) {
		return NoMarker, ""
	}
	dir, base := SplitPath(path)
	for component := range strings.SplitSeq(dir, "/") {
		switch {
		case strings.HasPrefix(component, aufsPrefix):
			return AUFS, ""
		case strings.HasPrefix(component, WhiteoutPrefix):
			return BadMarker, ""
		}
	}
	hidden, found := strings.CutPrefix(base, WhiteoutPrefix)
	switch {
	case !found:
		return NoMarker, ""
	case base == OpaqueName:
		return Opaque, ""
	case strings.HasPrefix(base, aufsPrefix):
		return AUFS, ""
	case hidden == "" || hidden == "." || hidden == "..":
		return BadMarker, ""
	}
	return Whiteout, hidden
}
