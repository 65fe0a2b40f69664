package dumpfile_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type vector struct {
	name string
	dump string
}

// vectors are the dump files that the EROFS writer is tested with.
func vectors(t testing.TB) []vector {
	t.Helper()
	paths, err := filepath.Glob("../../testdata/vectors/*.dump*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no dump files in testdata/vectors: %v", err)
	}
	var all []vector
	for _, path := range paths {
		dump, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(dump))
			if err != nil {
				t.Fatal(err)
			}
			if dump, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, vector{filepath.Base(path), string(dump)})
	}
	return all
}
