package erofs

import (
	"bytes"
	"os"
	"slices"
	"strconv"
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

// The images that composefs-rs makes.
func TestComposefsRSVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/composefs-rs.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(raw)), "\n")[1:]
	if len(rows) != 145 {
		t.Fatalf("%d vectors, want 145", len(rows))
	}
	for _, row := range rows {
		f := strings.Split(row, "\t")
		name, hash, size, want := f[0], f[2], f[3], f[4]
		version, err := strconv.Atoi(f[1])
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name+"/"+f[1]+"/"+hash, func(t *testing.T) {
			alg, err := fsverity.ParseAlgorithm(hash)
			if err != nil {
				t.Fatal(err)
			}
			tree := parseVector(t, name)
			tree.CountLinks()
			if alg == fsverity.SHA512 {
				widen(t, tree)
			}
			var img bytes.Buffer
			if err := Write(&img, tree, Options{Version: Version(version)}); err != nil {
				t.Fatal(err)
			}
			if got := fsverity.SumBytes(alg, img.Bytes()).String(); got != want {
				t.Errorf("an image of %d bytes with digest %s, want %s bytes with %s", img.Len(), got, size, want)
			}
		})
	}
}
