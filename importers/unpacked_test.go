package importers_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/importers/scan"
	"cfsverify/importers/source"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// TestUnpackedIsWhatPodmanMounts: of each image that skopeo takes into the storage, the
// unpacked view is what a scan of podman's mount gives, or both fail.
func TestUnpackedIsWhatPodmanMounts(t *testing.T) {
	store := oracle.NewStorage(t)
	same, refused := 0, 0
	for i, hostile := range layers.Hostile() {
		dir, name := filepath.Join(store.Dir, fmt.Sprint(i)), fmt.Sprintf("localhost/%d:t", i)
		if err := hostile.WriteLayout(dir, "t"); err != nil {
			t.Fatal(err)
		}
		if store.Copy(t, "oci:"+dir+":t", name) != nil {
			continue
		}
		want, wantErr := scan.Directory(t.Context(), store.Must(t, "podman", "image", "mount", name), scan.Options{Hash: fsverity.SHA256})
		store.Must(t, "podman", "image", "unmount", name)
		got, gotErr := loadUnpacked(t, store, name)
		switch {
		case wantErr != nil && gotErr != nil:
			refused++
		case wantErr != nil || gotErr != nil:
			t.Errorf("%s: the mount gives the error %v, the view %v", hostile.Name, wantErr, gotErr)
		default:
			same++
			if diff := cmp.Diff(dumpOf(t, want), dumpOf(t, got)); diff != "" {
				t.Errorf("%s: the mount (-) and the view (+) differ:\n%s", hostile.Name, diff)
			}
		}
	}
	t.Logf("%d images are the same, %d cannot be scanned", same, refused)
	if same < 60 || refused < 2 {
		t.Errorf("%d images are the same, %d cannot be scanned", same, refused)
	}
}

func loadUnpacked(t *testing.T, store *oracle.Storage, name string) (*canon.Tree, error) {
	t.Helper()
	s := source.Source{Transport: source.Unpacked, Storage: source.ContainersStorage, Path: "overlay@" + store.Root, Ref: name}
	read, err := importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI})
	if err != nil {
		return nil, err
	}
	return read.Tree, nil
}

func dumpOf(t *testing.T, tree *canon.Tree) string {
	t.Helper()
	var out bytes.Buffer
	if err := dumpfile.Write(&out, tree); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
