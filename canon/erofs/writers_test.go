package erofs

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/trees"
)

const cornerDir = vectorDir + "/corners"

// refused stands for the digest of an image that a program does not write.
const refused = "refused"

// cornerVectors are the digests of images by both programs, by the dump file and the
// options.
func cornerVectors(tb testing.TB) map[string]map[Options]string {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join(cornerDir, "expected.tsv"))
	if err != nil {
		tb.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(raw)), "\n")[1:]
	if len(rows) != 285 {
		tb.Fatalf("%d vectors, want 285", len(rows))
	}
	list := map[string]map[Options]string{}
	for _, row := range rows {
		f := strings.Split(row, "\t")
		o := Options{Version: Version(f[1][0] - '0')}
		if f[2] == Mkcomposefs.String() {
			o.Writer = Mkcomposefs
		}
		if list[f[0]] == nil {
			list[f[0]] = map[Options]string{}
		}
		list[f[0]][o] = f[3]
	}
	return list
}

func parseCorner(tb testing.TB, name string) *canon.Tree {
	tb.Helper()
	return parseVector(tb, "corners/"+name)
}

// digestOrRefused is what a vector says.
func digestOrRefused(t *canon.Tree, o Options) string {
	digest, err := digestOf(t, o, fsverity.SHA256)
	if err != nil {
		return refused
	}
	return digest.String()
}

// The images that both programs make of the same trees.
func TestCornerVectors(t *testing.T) {
	for name, digests := range cornerVectors(t) {
		tree := parseCorner(t, name)
		for o, want := range digests {
			if got := digestOrRefused(tree, o); got != want {
				t.Errorf("%s, version %d by %v: %s, want %s", name, o.Version, o.Writer, got, want)
			}
			fitted := tree.Clone()
			Fit(fitted, o)
			if got := digestOrRefused(fitted, o); got != want {
				t.Errorf("%s, version %d by %v: %s of the fitted tree, want %s", name, o.Version, o.Writer, got, want)
			}
		}
	}
}

// cornerTree is a random tree.
func cornerTree(seed uint64) *canon.Tree {
	return trees.Generator{Rand: rand.New(rand.NewPCG(seed, 11)), Algorithm: fsverity.SHA256}.CornerTree()
}

// TestReadCorners: what is read from an image gives it again.
func TestReadCorners(t *testing.T) {
	written := 0
	for seed := range uint64(500) {
		tree := cornerTree(seed)
		for _, o := range formats() {
			var first, second bytes.Buffer
			if err := Write(&first, tree, o); err != nil {
				continue
			}
			written++
			read, err := Read(first.Bytes(), o.Writer)
			if err != nil {
				t.Fatalf("version %d by %v, seed %d: %v", o.Version, o.Writer, seed, err)
			}
			if err := Write(&second, read.Tree, o); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
				t.Fatalf("version %d by %v, seed %d: another image of what was read: %v", o.Version, o.Writer, seed, err)
			}
		}
	}
	if written < 1000 {
		t.Errorf("only %d images were written", written)
	}
}
