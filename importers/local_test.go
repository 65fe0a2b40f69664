package importers_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/importers"
	"cfsverify/testdata/files"
	"cfsverify/testdata/registries"
	"cfsverify/testdata/storages"
)

// TestLocalHints: what is named as if it were in a registry, or a file, and is in the local
// storage, is not guessed, but the error says how to write it.
func TestLocalHints(t *testing.T) {
	t.Chdir(t.TempDir())
	store := storages.New(t, filepath.Join(t.TempDir(), "store"))
	host := registries.Loopback(t, registries.Untouched)
	id := store.Pull(ociLayout(t, specs()...), "localhost/os:1", host+"/os:1")
	config := filepath.Join(t.TempDir(), "storage.conf")
	files.Write(t, config, fmt.Appendf(nil, "[storage]\ngraphroot = %q\n", store.Root))
	t.Setenv("CONTAINERS_STORAGE_CONF", config)
	const hint = "; podman or buildah has an image of this name: write containers-storage:"
	for arg, want := range map[string]string{
		"localhost/os:1":   "localhost/os:1: no such file or directory: an image that podman or buildah has is written containers-storage:localhost/os:1" + hint + "localhost/os:1",
		"localhost/os:2":   "localhost/os:2: no such file or directory: an image that podman or buildah has is written containers-storage:localhost/os:2",
		id[:12]:            id[:12] + ": no such file or directory: an image in a registry is written docker://" + id[:12] + hint + id[:12],
		"nothing":          "nothing: no such file or directory: an image in a registry is written docker://nothing",
		"podman:os:1":      `podman:os:1: no such file or directory, and "podman" is no transport: did you mean containers-storage:os:1`,
		"dir:localhost/os": "",
	} {
		s, err := importers.ParseSource(arg)
		if want == "" {
			if err != nil {
				t.Errorf("%s: error %v", arg, err)
			}
			continue
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, error %v\nwant %s", arg, s, err, want)
		}
	}
	if _, err := importers.ParseSource("os:1"); err == nil || !strings.HasSuffix(err.Error(), hint+"os:1") {
		t.Errorf("error %v", err)
	}
	for ref, want := range map[string]bool{host + "/os:1": true, "localhost:1/os:1": false} {
		_, err := importers.Open(t.Context(), importers.Source{Transport: importers.Docker, Ref: ref}, nil)
		if err == nil || strings.HasSuffix(err.Error(), hint+ref) != want {
			t.Errorf("%s: error %v", ref, err)
		}
	}
	store.Images = nil
	files.Write(t, filepath.Join(store.Root, "overlay-images/images.json"), []byte("[{"))
	if _, err := importers.ParseSource("localhost/os:1"); err == nil || strings.Contains(err.Error(), hint) {
		t.Errorf("error %v", err)
	}
}
