package erofs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/fsverity"
)

const vectorDir = "../../testdata/vectors"

func parseVector(tb testing.TB, name string) *canon.Tree {
	tb.Helper()
	var in io.ReadCloser
	in, err := os.Open(filepath.Join(vectorDir, name+".dump"))
	if os.IsNotExist(err) {
		f, err := os.Open(filepath.Join(vectorDir, name+".dump.gz"))
		if err != nil {
			tb.Fatal(err)
		}
		defer f.Close()
		if in, err = gzip.NewReader(f); err != nil {
			tb.Fatal(err)
		}
	} else if err != nil {
		tb.Fatal(err)
	}
	defer in.Close()
	return parseDump(tb, in)
}

func parseDump(tb testing.TB, in io.Reader) *canon.Tree {
	tb.Helper()
	tree, err := dumpfile.Parse(in, dumpfile.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return tree
}

type vector struct {
	name           string
	version        Version
	size           string
	sha256, verity string
}

// options are those of the reference writer.
func (v vector) options() Options { return Options{Version: v.version, Writer: Mkcomposefs} }

func vectors(tb testing.TB) []vector {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join(vectorDir, "expected.tsv"))
	if err != nil {
		tb.Fatal(err)
	}
	var list []vector
	for line := range strings.Lines(string(raw)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 5 {
			tb.Fatalf("%q has not five columns", line)
		}
		if f[0] != "name" {
			list = append(list, vector{f[0], Version(f[1][0] - '0'), f[2], f[3], f[4]})
		}
	}
	if len(list) != 178 {
		tb.Fatalf("%d vectors, want 178", len(list))
	}
	return list
}

// The images that the reference writer makes.
func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.name+"/"+string(rune('0'+v.version)), func(t *testing.T) {
			tree := parseVector(t, v.name)
			var img bytes.Buffer
			if err := Write(&img, tree, v.options()); err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(img.Bytes())
			if got := hex.EncodeToString(sum[:]); got != v.sha256 {
				t.Errorf("an image of %d bytes with SHA-256 %s, want %s bytes with %s", img.Len(), got, v.size, v.sha256)
			}
			digest, err := digestOf(tree, v.options(), fsverity.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			if digest.String() != v.verity {
				t.Errorf("digest %v, want %s", digest, v.verity)
			}
		})
	}
}
