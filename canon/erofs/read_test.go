package erofs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
)

// What was read from an image is written as the same image.
func TestReadVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.name+"/"+string(rune('0'+v.version)), func(t *testing.T) {
			var img, again bytes.Buffer
			if err := Write(&img, parseVector(t, v.name), v.options()); err != nil {
				t.Fatal(err)
			}
			read, err := Read(img.Bytes(), v.options().Writer)
			if err != nil {
				t.Fatal(err)
			}
			if read.Version != v.version {
				t.Errorf("version %d", read.Version)
			}
			if err := Write(&again, read.Tree, v.options()); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(img.Bytes(), again.Bytes()) {
				t.Error("the image of what was read is another one")
			}
		})
	}
}

// What composefs-info prints of the reference writer's images, which has two of the marks
// of whiteouts of version 1 among a directory's xattrs.
func TestDumpOfImageIsThatOfComposefsInfo(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(vectorDir, "composefs-info.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		want[f[0]+"/"+f[1]] = f[2]
	}
	for _, v := range vectors(t) {
		var img, dump bytes.Buffer
		if err := Write(&img, parseVector(t, v.name), v.options()); err != nil {
			t.Fatal(err)
		}
		read, err := Read(img.Bytes(), v.options().Writer)
		if err != nil {
			t.Fatal(err)
		}
		withMarks := func(n *canon.Node) []canon.Xattr {
			xattrs := read.XattrOrder(n)
			if v.version == V1 && slices.ContainsFunc(n.Children(), func(e canon.Dirent) bool { return e.Node.IsWhiteout() }) {
				xattrs = append(slices.Clone(xattrs), canon.Xattr{Name: "trusted.overlay.opaque", Value: "x"}, canon.Xattr{Name: "user.overlay.opaque", Value: "x"})
			}
			return xattrs
		}
		if err := dumpfile.WriteImage(&dump, read.Tree, dumpfile.ImageDetails{DirSize: read.DirSize, XattrOrder: withMarks}); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(dump.Bytes())
		if name := v.name + "/" + string(rune('0'+v.version)); hex.EncodeToString(sum[:]) != want[name] {
			t.Errorf("%s: a dump with SHA-256 %x, want %s", name, sum, want[name])
		}
	}
}
