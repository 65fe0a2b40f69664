package erofs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/testdata/oracle"
)

// cfsctlDump is a dump file as cfsctl reads it: seconds before 1970 as numbers of 64
// bits without a sign.
func cfsctlDump(t *testing.T, tree *canon.Tree) []byte {
	return regexp.MustCompile(` -\d+\.`).ReplaceAllFunc(dump(t, tree), func(found []byte) []byte {
		sec, err := strconv.ParseInt(string(found[1:len(found)-1]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Appendf(nil, " %d.", uint64(sec))
	})
}

// TestCfsctl: cfsctl makes the same images of dump files, byte for byte, or refuses
// the same.
func TestCfsctl(t *testing.T) {
	cfsctl := oracle.Cfsctl(t)
	dumps := map[string][]byte{}
	for _, pattern := range []string{"corners/*.dump", "*.dump"} {
		files, err := filepath.Glob(filepath.Join(vectorDir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if dumps[file], err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	first := rand.Uint64()
	t.Logf("the seeds are those from 0 and from %d on", first)
	for i := range uint64(100) {
		// Twice as many are always the same, so that there are always enough refusals.
		dumps[fmt.Sprint("seed ", i)] = cfsctlDump(t, cornerTree(i))
		dumps[fmt.Sprint("seed ", 100+i)] = cfsctlDump(t, cornerTree(100+i))
		dumps[fmt.Sprint("seed ", first+i)] = cfsctlDump(t, cornerTree(first+i))
	}
	written, refusals := 0, 0
	for name, data := range dumps {
		for _, v := range []Version{V0, V1} {
			want, said := cfsctlImage(t, cfsctl, data, v)
			switch {
			case want != nil:
				written++
			case strings.Contains(said, "whiteout"):
				refusals++
			default:
				// It reads fewer dump files.
				continue
			}
			var got bytes.Buffer
			if err := Write(&got, parseDump(t, bytes.NewReader(data)), Options{Version: v}); (err != nil) != (want == nil) {
				t.Errorf("%s, version %d: %v, but cfsctl: %s", name, v, err, said)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s, version %d: not the image of cfsctl", name, v)
			}
		}
	}
	if written < 550 || refusals < 10 {
		t.Errorf("cfsctl wrote only %d images, and refused only %d", written, refusals)
	}
}

// cfsctlImage is the image that cfsctl makes of a dump file, nil if it does not, and
// what it said.
func cfsctlImage(t *testing.T, cfsctl string, dump []byte, v Version) (image []byte, said string) {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "dump"), filepath.Join(dir, "image")
	if err := os.WriteFile(in, dump, 0o644); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(cfsctl, "mkcomposefs", "--from-file", fmt.Sprint("--min-version=", v), in, out).CombinedOutput()
	if err != nil {
		return nil, string(output)
	}
	if image, err = os.ReadFile(out); err != nil {
		t.Fatal(err)
	}
	return image, ""
}
