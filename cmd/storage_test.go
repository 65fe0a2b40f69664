package cmd

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/tarfile"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// TestStorageCommands: what commands say of an image in the storage of podman is what they
// say of the layout that it was pulled from, whose blobs are compressed, and what they write
// of it can be pulled again. Nothing in the storage changes.
func TestStorageCommands(t *testing.T) {
	store := oracle.NewStorage(t)
	dir := filepath.Join(store.Dir, "layout")
	images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, Fields: map[string]any{"created": "2026-11-30T00:00:00Z"}, Layers: []images.Layer{
		{Archive: layers.Tar("d usr mode=0755\nf usr/a =1\nf usr/gone =x"), Compression: tarfile.Gzip, MediaType: types.OCILayer},
		{Archive: layers.Tar("f usr/.wh.gone\nf usr/b =2"), Compression: tarfile.Gzip, MediaType: types.OCILayer},
	}}.Write(t, dir, "t")
	layout, stored := "oci:"+dir+":t", "containers-storage:[overlay@"+store.Root+"]localhost/os:1"
	if err := store.Copy(t, layout, "localhost/os:1"); err != nil {
		t.Fatal(err)
	}
	before := store.Inodes(t)
	named := func(text string) string { return strings.NewReplacer(stored, "IMAGE", layout, "IMAGE").Replace(text) }
	for _, command := range []string{"digest", "dump", "lint", "identify --digest " + strings.Repeat("0", 64), "tar"} {
		words := strings.Fields(command)
		want, wantStatus := tryMain(t, nil, append(words, layout)...)
		if got, status := tryMain(t, nil, append(words, stored)...); named(got) != named(want) || status != wantStatus || wantStatus == statusTrouble {
			t.Errorf("%s: status %d, want %d\n%s\nwant\n%s", command, status, wantStatus, got, want)
		}
	}
	t.Setenv("CONTAINERS_STORAGE_CONF", store.Config)
	wantText(t, runMain(t, statusSame, "diff", "containers-storage:os:1", layout), "SAME: ")
	wantText(t, runMain(t, statusDifferent, "diff", "--raw", stored, layout), "likely cause: compression: ", "layer 2: the archive is the same, but stored differently")

	repaired, sealed := "oci:"+filepath.Join(store.Dir, "repaired")+":t", "oci:"+filepath.Join(store.Dir, "sealed")+":t"
	runMain(t, statusSame, "repair", "-o", repaired, stored)
	wantText(t, runMain(t, statusSame, "diff", stored, repaired), "SAME: ")
	wantText(t, runMain(t, statusSame, "seal", "write", "--annotations", "-o", sealed, stored), "manifest-annotation")
	if store.Inodes(t) != before {
		t.Error("the store changed")
	}
	if err := store.Copy(t, sealed, "localhost/sealed:1"); err != nil {
		t.Fatal(err)
	}
	wantText(t, runMain(t, statusSame, "seal", "check", "containers-storage:localhost/sealed:1"), "SEALED: 4 seals are good")
}
