package objects

import (
	"path/filepath"
	"strings"
)

// IsBelow says that a directory, which need not be there yet, is or would be part of
// another one. Where symlinks lead counts; a directory that cannot be looked at has no part.
func IsBelow(dir, other string) bool {
	root, err := resolved(other)
	if err != nil {
		return false
	}
	at, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	for rest := at; ; rest = filepath.Dir(rest) {
		if there, err := filepath.EvalSymlinks(rest); err == nil {
			at = filepath.Join(there, strings.TrimPrefix(at, rest))
			break
		}
	}
	return at == root || strings.HasPrefix(at, strings.TrimSuffix(root, "/")+"/")
}

func resolved(dir string) (string, error) {
	path, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}
