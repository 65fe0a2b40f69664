package storage_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/importers/storage"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/storages"
)

// author opens an image and says who made it.
func author(t *testing.T, path, ref string) (string, error) {
	t.Helper()
	s := inStore("", ref)
	s.Path = path
	img, err := storage.Open(t.Context(), s, nil)
	if err != nil {
		return "", err
	}
	defer img.Close()
	var config struct{ Author string }
	if err := json.Unmarshal(img.Config, &config); err != nil {
		t.Fatal(err)
	}
	return config.Author, nil
}

// TestNames: a name is completed as skopeo and podman do it, and a more exact one counts
// first.
func TestNames(t *testing.T) {
	store := storages.New(t, filepath.Join(t.TempDir(), "store"))
	ids := map[string]string{}
	for author, names := range map[string][]string{
		"os":       {"localhost/os:1", "localhost/other:2"},
		"hub":      {"docker.io/library/deb:latest"},
		"quay":     {"quay.io/x/y:v2"},
		"local":    {"localhost/deb:latest"},
		"far":      {"far.example/team/deb:latest", "far.example:5000/team/tool:latest"},
		"nobody":   nil,
		"as it is": {"odd"},
		"twice":    {"a.example/z/same:1"},
		"thrice":   {"b.example/z/same:1"},
	} {
		ids[author] = store.Pull(ociImage(t, author, "f a"), names...)
	}
	digest := func(author string) string {
		for _, image := range store.Images {
			if image["id"] == ids[author] {
				return image["digest"].(string)
			}
		}
		t.Fatal(author)
		return ""
	}
	for ref, want := range map[string]string{
		"localhost/os:1": "os", "os:1": "os", "other:2": "os", "localhost/other:2": "os",
		"library/deb": "hub", "docker.io/library/deb": "hub", "docker.io/deb": "hub", "index.docker.io/library/deb:latest": "hub",
		"localhost/deb": "local", "team/deb": "far", "far.example/team/deb": "far", "far.example:5000/team/tool": "far", "tool": "far",
		"y:v2": "quay", "x/y:v2": "quay", "quay.io/x/y:v2": "quay", "odd": "as it is",
		ids["nobody"]: "nobody", "@" + ids["nobody"]: "nobody", "sha256:" + ids["nobody"]: "nobody", ids["nobody"][:12]: "nobody", "@" + ids["nobody"][:12]: "nobody",
		"quay.io/x/y@" + digest("quay"): "quay", "quay.io/x/y:any@" + digest("quay"): "quay", "y@" + digest("quay"): "quay", "deb@" + digest("local"): "local", "deb@" + digest("far"): "far",
		"quay.io/x/y:any@" + ids["quay"]: "quay", "y@" + ids["quay"][:12]: "quay",
	} {
		if got, err := author(t, store.Root, ref); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", ref, got, err, want)
		}
	}
	const notThere = "there is no image"
	for ref, want := range map[string]string{
		"y": notThere, "quay.io/x/y": notThere, "os": notThere, "debian": notThere, "eb": notThere, "ay.io/x/y:v2": notThere, "fff": notThere, "@00": notThere,
		"other.example/x/y@" + digest("quay"): notThere, "@" + strings.Repeat("0", 64): notThere,
		"quay.io/x/y:v2@" + ids["os"]: notThere, "@" + digest("quay"): "write the digest of a manifest behind a name, as NAME@sha256:", "y@sha256:00": "wrong number of hex digits",
	} {
		if got, err := author(t, store.Root, ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, error %v; want %q", ref, got, err, want)
		}
	}
	// podman takes the one, skopeo the other.
	for _, ref := range []string{"deb", "deb:latest"} {
		_, err := author(t, store.Root, ref)
		if err == nil || !strings.Contains(err.Error(), "may be several images: name one of docker.io/library/deb:latest, localhost/deb:latest") {
			t.Errorf("%s: error %v", ref, err)
		}
	}
	for _, ref := range []string{"same:1", "z/same:1"} {
		_, err := author(t, store.Root, ref)
		if err == nil || !strings.Contains(err.Error(), "may be several images: name one of ") || !strings.Contains(err.Error(), "a.example/z/same:1") || !strings.Contains(err.Error(), "b.example/z/same:1") {
			t.Errorf("%s: error %v", ref, err)
		}
	}
	if _, err := author(t, store.Root, "none"); err == nil || !strings.Contains(err.Error(), `there is no image "none" in `+store.Root+": there are ") ||
		!strings.Contains(err.Error(), ids["nobody"]) || !strings.Contains(err.Error(), "quay.io/x/y:v2") || !strings.HasSuffix(err.Error(), "; name another store as containers-storage:[overlay@PATH]none") {
		t.Errorf("error %v", err)
	}
}

// TestFirstStoreCounts: of one name in two stores.
func TestFirstStoreCounts(t *testing.T) {
	first, second := storages.New(t, filepath.Join(t.TempDir(), "first")), storages.New(t, filepath.Join(t.TempDir(), "second"))
	first.Pull(ociImage(t, "first", "f a"), "localhost/os:1")
	second.Pull(ociImage(t, "second", "f a"), "localhost/os:1", "localhost/two:1")
	both := first.Root + ":additionalimagestore=" + second.Root
	for ref, want := range map[string]string{"localhost/os:1": "first", "os:1": "first", "two:1": "second"} {
		if got, err := author(t, both, ref); got != want || err != nil {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
	// The same image may be in both.
	second.Pull(ociImage(t, "first", "f a"), "localhost/again:1")
	if got, err := author(t, both, first.Images[0]["id"].(string)[:10]); got != "first" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestLongList: an error does not list hundreds of images.
func TestLongList(t *testing.T) {
	store := storages.New(t, filepath.Join(t.TempDir(), "store"))
	for i := range 30 {
		store.Images = append(store.Images, map[string]any{"id": fmt.Sprint("x", i)})
	}
	store.Save()
	if _, err := author(t, store.Root, "none"); err == nil || !strings.Contains(err.Error(), "x19 and 10 more; name another store") {
		t.Errorf("error %v", err)
	}
}

// TestNamesAsSkopeo: what skopeo finds is what is found; where skopeo finds nothing, either
// nothing is found, or what podman would find.
func TestNamesAsSkopeo(t *testing.T) {
	store := oracle.NewStorage(t)
	digests := map[string]string{}
	for i, name := range []string{"localhost/deb:1", "docker.io/library/deb2:latest", "quay.io/x/y:v2"} {
		dir := filepath.Join(store.Dir, fmt.Sprint(i))
		if err := (layers.Image{Layers: []string{fmt.Sprintf("f a =%d", i)}}).WriteLayout(dir, "t"); err != nil {
			t.Fatal(err)
		}
		if err := store.Copy(t, "oci:"+dir+":t", name); err != nil {
			t.Fatal(err)
		}
		digests[name] = store.Must(t, "skopeo", "inspect", "--format", "{{.Digest}}", store.Name(name))
	}
	first := digests["localhost/deb:1"]
	id := store.Must(t, "buildah", "inspect", "--type", "image", "--format", "{{.FromImageID}}", "localhost/deb:1")
	for ref, extension := range map[string]string{
		"localhost/deb:1": "", "deb2": "", "library/deb2": "", "docker.io/library/deb2:latest": "", "quay.io/x/y:v2": "",
		"deb:1": first, "y:v2": digests["quay.io/x/y:v2"], "x/y:v2": digests["quay.io/x/y:v2"], "quay.io/x/y": "", "nothing": "",
		id: "", "@" + id: "", id[:7]: "", "@" + id[:3]: "", id[:2]: "", "sha256:" + id: first,
		"localhost/deb@" + first: "", "localhost/deb:1@" + first: "", "localhost/deb:2@" + first: "", "quay.io/x/y@" + first: "", "deb@" + first: first,
		"localhost/deb:2@" + id: "", "quay.io/x/y:v2@" + id: "",
	} {
		want, refused := store.Run(t, "skopeo", "inspect", "--format", "{{.Digest}}", store.Name(ref))
		if refused != nil {
			want = extension
		} else if extension != "" {
			t.Errorf("%s is no extension", ref)
		}
		got := ""
		if img, err := storage.Open(t.Context(), inStore(store.Root, ref), nil); err == nil {
			got = img.Digest().String()
			if err := img.Close(); err != nil {
				t.Error(err)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q: %v", ref, got, want, refused)
		}
	}
}
