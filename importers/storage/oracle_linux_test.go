package storage_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/importers/image"
	"cfsverify/importers/layout"
	"cfsverify/importers/source"
	"cfsverify/importers/storage"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/reading"
)

// TestHostileImages: of each image that skopeo takes into the storage, the layers are those
// of the OCI layout that it came from, or both are refused in the same words, and nothing in
// the storage changes. Two cannot be put together again: not by containers/storage either.
func TestHostileImages(t *testing.T) {
	store := oracle.NewStorage(t)
	stored := map[string]bool{}
	for i, image := range layers.Hostile() {
		dir := filepath.Join(store.Dir, fmt.Sprint(i))
		if err := image.WriteLayout(dir, "t"); err != nil {
			t.Fatal(err)
		}
		if store.Copy(t, "oci:"+dir+":t", "localhost/"+fmt.Sprint(i)) == nil {
			stored[image.Name] = true
		}
	}
	before := store.Inodes(t)
	same, refused := 0, 0
	for i, hostile := range layers.Hostile() {
		if !stored[hostile.Name] {
			continue
		}
		from := source.Source{Transport: source.OCI, Path: filepath.Join(store.Dir, fmt.Sprint(i)), Ref: "t"}
		want, wantErr := openLayout(t, from)
		got, gotErr := openStorage(t, store, "localhost/"+fmt.Sprint(i))
		switch lost := map[string]string{
			"duplicate-files-by-other-paths": `the storage does not hold what was pulled: "a" has other content`,
			"type-flags":                     `the storage does not hold what was pulled: "sized" is no regular file`,
		}[hostile.Name]; {
		case lost != "":
			if gotErr == nil || !strings.HasSuffix(gotErr.Error(), lost) {
				t.Errorf("%s: %q, %v", hostile.Name, got, gotErr)
			}
		case wantErr != nil:
			refused++
			if gotErr == nil || gotErr.Error() != wantErr.Error() {
				t.Errorf("%s: error %v, from the layout it is %v", hostile.Name, gotErr, wantErr)
			}
		default:
			same++
			if got != want || gotErr != nil {
				t.Errorf("%s: got\n%s%v\nwant\n%s", hostile.Name, got, gotErr, want)
			}
		}
	}
	t.Logf("%d images are the same, %d are refused in the same words", same, refused)
	if same < 50 || refused < 5 {
		t.Errorf("%d images are the same, %d are refused", same, refused)
	}
	if after := store.Inodes(t); after != before {
		t.Errorf("the storage changed:\n%s\n%s", before, after)
	}
}

func openLayout(t *testing.T, s source.Source) (string, error) {
	img, err := layout.Open(s, nil)
	if err != nil {
		return "", err
	}
	return readImage(t, img)
}

func openStorage(t *testing.T, store *oracle.Storage, name string) (string, error) {
	img, err := storage.Open(t.Context(), inStore(store.Root, name), nil)
	if err != nil {
		return "", err
	}
	return readImage(t, img.Image)
}

// inStore names an image in the store at a path.
func inStore(root, name string) source.Source {
	return source.Source{Transport: source.ContainersStorage, Path: "overlay@" + root, Ref: name}
}

func readImage(t *testing.T, img *image.Image) (string, error) {
	t.Helper()
	text, err := reading.Image(t, img)
	if closed := img.Close(); closed != nil {
		t.Error(closed)
	}
	return text, err
}
