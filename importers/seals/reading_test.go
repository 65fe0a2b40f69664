package seals_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/objects"
	"cfsverify/importers/source"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/uki"
)

// readLayers reads the seals of layers with a store, and gives the content that this has
// got, by its sizes.
func readLayers(t *testing.T, specs ...string) (read *importers.Sealed, kept []int64, err error) {
	t.Helper()
	dir, store := filepath.Join(t.TempDir(), "image"), filepath.Join(t.TempDir(), "store")
	if err := (layers.Image{Layers: specs}).WriteLayout(dir, "t"); err != nil {
		t.Fatal(err)
	}
	objects, err := objects.Open(store)
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	read, err = importers.With(t.Context(), source.Source{Transport: source.OCI, Path: dir, Ref: "t"}, nil, 0, func(ctx context.Context, img *image.Image) (*importers.Sealed, error) {
		return importers.ReadSealed(ctx, img, image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA512, Objects: objects}}, layer.RulesOCI)
	})
	files, globErr := filepath.Glob(store + "/*/*")
	if globErr != nil {
		t.Fatal(globErr)
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, info.Size())
	}
	return read, kept, err
}

func sealed(digit string) string {
	return fmt.Sprintf("%q", "="+string(uki.File([2]string{".linux", "kernel"}, [2]string{".cmdline", "composefs=" + hexOf(digit)})))
}

// TestNothingKept: no program is kept, wherever it is, whatever its size: seals are read as
// it goes by.
func TestNothingKept(t *testing.T) {
	large := fmt.Sprintf("%q", "=MZ"+strings.Repeat("\x00", 4<<20))
	read, kept, err := readLayers(t, "f boot/EFI/Linux/a.efi "+sealed("1")+"\nf opt/a.efi "+sealed("2")+"\nf opt/large "+large+"\nf usr/lib/modules/6/vmlinuz "+large+
		"\nf run/cfsverify/x.dump ="+strings.Repeat("x", 100))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"uki /boot/EFI/Linux/a.efi composefs = 1…"}, sealLines(read.Seals)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if diff := cmp.Diff([]int64{100}, kept); diff != "" {
		t.Errorf("kept are files of these sizes: want -, got +\n%s", diff)
	}
	_, kept, err = readLayers(t, "f boot/EFI/Linux/a.efi "+large)
	if err == nil || !strings.Contains(err.Error(), `"/boot/EFI/Linux/a.efi": it is no PE file`) || kept != nil {
		t.Errorf("error %v, %v", err, kept)
	}
}

// TestLinkedUKIs: a kernel image whose content has another name, in a place where none is
// looked for, is found by reading the layers once more, and is an error if that is not
// possible.
func TestLinkedUKIs(t *testing.T) {
	lower := "f opt/a " + sealed("1") + "\nf opt/b " + sealed("2")
	upper := "f opt/c " + sealed("3") + "\nh boot/EFI/Linux/c.efi ->opt/c\nh boot/EFI/Linux/a.efi ->opt/a"
	read, kept, err := readLayers(t, lower, upper)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"uki /boot/EFI/Linux/a.efi composefs = 1…", "uki /boot/EFI/Linux/c.efi composefs = 3…"}, sealLines(read.Seals)); diff != "" || kept != nil {
		t.Errorf("%v, want -, got +\n%s", kept, diff)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error)
	go func() { written <- os.WriteFile(pipe, layers.Tar(upper[:strings.LastIndex(upper, "\n")]), 0o600) }()
	_, err = loadSeals(t, source.Source{Transport: source.Tar, Layers: []string{pipe}})
	if err == nil || !strings.Contains(err.Error(), `"/boot/EFI/Linux/c.efi": its content is under another name, and the image cannot be read twice`) {
		t.Errorf("error %v", err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}
