package seals_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/objects"
	"cfsverify/importers/source"
	"cfsverify/testdata/layers"
)

// TestFindDumps: dump files are found beside unified kernel images and in /run/cfsverify, and
// what cannot be read says why.
func TestFindDumps(t *testing.T) {
	long := "/ 0 40755 2 0 0 0 0.0 - - - user.x=" + strings.Repeat("x", 100) + `\n`
	dir := filepath.Join(t.TempDir(), "image")
	spec := "d boot\nd boot/EFI\nd boot/EFI/Linux\nd run\nd run/cfsverify\nl boot/EFI/Linux/a.efi ->x\nl boot/EFI/Linux/b.efi ->x\nl boot/EFI/Linux/c.efi ->x\n" +
		`f boot/a.dump ="` + long + `"` + "\n" +
		`f boot/b.dump ="/ 0 40755 2 0 0 0 0.0 - - -\n"` + "\n" +
		"f boot/other.dump =x\nl boot/c.dump ->a.dump\nf boot/EFI/a.dump =x\n" +
		"f run/cfsverify/empty.dump =\nf run/cfsverify/x.dump =x\nf run/x.dump =x\n" +
		`f usr ="` + strings.ReplaceAll(long, "user.x", "user.y") + `"` + "\nh run/cfsverify/link.dump ->usr\n"
	if err := (layers.Image{Layers: []string{spec}}).WriteLayout(dir, "t"); err != nil {
		t.Fatal(err)
	}
	store, err := objects.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := source.Source{Transport: source.OCI, Path: dir, Ref: "t"}
	read, err := importers.With(t.Context(), s, nil, 0, func(ctx context.Context, img *image.Image) (*importers.Sealed, error) {
		return importers.ReadSealed(ctx, img, image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA512, Objects: store}}, layer.RulesOCI)
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, d := range read.Dumps {
		line := d.Path + " " + d.UKI + ": "
		if d.Err != nil {
			line += d.Err.Error()
		} else {
			line += fmt.Sprint(len(d.Tree.Root.Xattrs))
		}
		lines = append(lines, line)
	}
	want := []string{
		"/boot/b.dump /boot/EFI/Linux/b.efi: 0",
		"/boot/a.dump /boot/EFI/Linux/a.efi: 1",
		"/run/cfsverify/empty.dump : it is empty",
		"/run/cfsverify/link.dump : it is a hardlink whose content has another name, under which it is not kept",
		"/run/cfsverify/x.dump : line 1, column 2: no newline at the end: the file may be cut off here; lenient parsing accepts this",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}
