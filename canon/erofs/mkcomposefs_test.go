//go:build mkcomposefs

package erofs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"cfsverify/canon/fsverity"
)

// TestMkcomposefs compares with a mkcomposefs of the reader's own, of which Debian 12
// has no package: its digests of the vectors with corners, and its images of random
// trees.
func TestMkcomposefs(t *testing.T) {
	mkcomposefs, err := exec.LookPath("mkcomposefs")
	if err != nil {
		t.Fatal(err)
	}
	image := func(dump []byte, v Version) []byte {
		in, out := filepath.Join(t.TempDir(), "dump"), filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(in, dump, 0o644); err != nil {
			t.Fatal(err)
		}
		c := exec.Command(mkcomposefs, "--from-file", fmt.Sprint("--min-version=", v), fmt.Sprint("--max-version=", v), in, out)
		if err := c.Run(); err != nil {
			return nil
		}
		image, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return image
	}
	for name, digests := range cornerVectors(t) {
		data, err := os.ReadFile(filepath.Join(cornerDir, name+".dump"))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []Version{V0, V1} {
			got := refused
			if img := image(data, v); img != nil {
				got = fsverity.SumBytes(fsverity.SHA256, img).String()
			}
			if want := digests[Options{v, Mkcomposefs}]; got != want {
				t.Errorf("%s, version %d: mkcomposefs's digest is %s, the vector has %s", name, v, got, want)
			}
		}
	}
	for seed := range uint64(200) {
		tree := cornerTree(seed)
		for _, v := range []Version{V0, V1} {
			var got bytes.Buffer
			err := Write(&got, tree, Options{v, Mkcomposefs})
			if want := image(dump(t, tree), v); !bytes.Equal(got.Bytes(), want) {
				t.Errorf("seed %d, version %d: %v, an image of %d bytes is not that of mkcomposefs, of %d", seed, v, err, got.Len(), len(want))
			}
		}
	}
}
