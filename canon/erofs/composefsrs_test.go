package erofs

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// widen gives external content sha512 digests, as testdata/README.md says.
func widen(t *testing.T, tree *canon.Tree) {
	t.Helper()
	done := map[*canon.Content]bool{}
	for e := range tree.Dirents() {
		c := e.Node.Content
		if c == nil || c.Digest.IsZero() || done[c] {
			continue
		}
		digits := []byte(c.Digest.String())
		slices.Reverse(digits)
		wide, err := fsverity.ParseDigest(c.Digest.String() + string(digits))
		if err != nil {
			t.Fatal(err)
		}
		payload := c.Payload()
		if payload == c.Digest.ObjectPath() {
			payload = wide.ObjectPath()
		}
		c.Digest = wide
		c.SetPayload(payload)
		done[c] = true
	}
}

// composefsRSVector is a row of testdata/composefs-rs.tsv.
type composefsRSVector struct {
	name         string
	version      Version
	hash         fsverity.Algorithm
	size, digest string
}

func composefsRSVectors(tb testing.TB) []composefsRSVector {
	tb.Helper()
	raw, err := os.ReadFile("testdata/composefs-rs.tsv")
	if err != nil {
		tb.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(raw)), "\n")[1:]
	if len(rows) != 145 {
		tb.Fatalf("%d vectors, want 145", len(rows))
	}
	var list []composefsRSVector
	for _, row := range rows {
		f := strings.Split(row, "\t")
		alg, err := fsverity.ParseAlgorithm(f[2])
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, composefsRSVector{f[0], Version(f[1][0] - '0'), alg, f[3], f[4]})
	}
	return list
}

// The images that composefs-rs makes.
func TestComposefsRSVectors(t *testing.T) {
	for _, v := range composefsRSVectors(t) {
		t.Run(fmt.Sprintf("%s/%d/%v", v.name, v.version, v.hash), func(t *testing.T) {
			tree := parseVector(t, v.name)
			if v.hash == fsverity.SHA512 {
				widen(t, tree)
			}
			var img bytes.Buffer
			if err := Write(&img, tree, Options{Version: v.version}); err != nil {
				t.Fatal(err)
			}
			if got := fsverity.SumBytes(v.hash, img.Bytes()).String(); got != v.digest {
				t.Errorf("an image of %d bytes with digest %s, want %s bytes with %s", img.Len(), got, v.size, v.digest)
			}
		})
	}
}
