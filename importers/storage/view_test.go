package storage_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/importers/source"
	"cfsverify/importers/storage"
	"cfsverify/testdata/files"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/storages"
)

// inNamespace is set for the test program that TestViewInNamespace starts.
const inNamespace = "CFSVERIFY_STORE_IN_NAMESPACE"

func checkView(t *testing.T, spec string) error {
	t.Helper()
	img, err := storage.Open(t.Context(), source.Source{Transport: source.ContainersStorage, Path: "overlay@" + spec, Ref: "localhost/os:1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	return img.CheckView()
}

// TestCheckView: what an engine does not show as it lies there is refused.
func TestCheckView(t *testing.T) {
	oracle.Root(t)
	id := func(s *storages.Store) string { return s.Layers[0]["id"].(string) }
	mark := func(s *storages.Store) {
		files.Write(t, filepath.Join(s.Root, "overlay/.has-mount-program"), []byte("true\n"))
	}
	maps := func(host int) func(s *storages.Store) {
		return func(s *storages.Store) {
			s.Layers[0]["uidmap"] = []any{map[string]int{"container_id": 0, "host_id": host, "size": 65536}}
			s.Save()
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		change func(s *storages.Store)
		// additional: the store is an additional one, of one without images.
		additional bool
		want       string
	}{
		"as it is":           {func(*storages.Store) {}, false, ""},
		"an additional one":  {func(*storages.Store) {}, true, ""},
		"a mount program":    {mark, false, ""},
		"only below":         {mark, true, "which the engine of the first store does not use"},
		"the same IDs":       {maps(0), false, ""},
		"other IDs":          {maps(100000), false, "was unpacked for containers with other IDs"},
		"of a user":          {func(s *storages.Store) { must(os.Chown(filepath.Join(s.Root, "overlay"), 1000, 1000)) }, false, "is of user 1000"},
		"a second directory": {func(s *storages.Store) { must(os.Mkdir(filepath.Join(s.Root, "overlay", id(s), "diff1"), 0o755)) }, false, "as it was copied for containers with other IDs"},
		"a symlink": {func(s *storages.Store) {
			diff := filepath.Join(s.Root, "overlay", id(s), "diff")
			must(os.Rename(diff, diff+"-elsewhere"))
			must(os.Symlink(diff+"-elsewhere", diff))
		}, false, "is in an additional layer store"},
	} {
		t.Run(name, func(t *testing.T) {
			s := storages.New(t, filepath.Join(t.TempDir(), "store"))
			s.Pull(ociImage(t, "x", "f a"), "localhost/os:1")
			c.change(s)
			spec := s.Root
			if c.additional {
				spec = storages.New(t, filepath.Join(t.TempDir(), "first")).Root + ":additionalimagestore=" + s.Root
			}
			if err := checkView(t, spec); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestViewInNamespace: root's store is refused in a user namespace in which its files are
// root's, as nobody sees trusted.* xattrs there.
func TestViewInNamespace(t *testing.T) {
	if root := os.Getenv(inNamespace); root != "" {
		if err := checkView(t, root); err == nil || !strings.Contains(err.Error(), "cannot be seen in a user namespace") {
			t.Errorf("error %v", err)
		}
		return
	}
	oracle.Root(t)
	s := storages.New(t, filepath.Join(t.TempDir(), "store"))
	s.Pull(ociImage(t, "x", "f a"), "localhost/os:1")
	c := exec.Command(oracle.Tool(t, "unshare", "util-linux"), "--user", "--map-root-user", os.Args[0], "-test.run=^TestViewInNamespace$")
	c.Env = append(os.Environ(), inNamespace+"="+s.Root)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
