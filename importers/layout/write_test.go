package layout_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/importers/source"
	"cfsverify/testdata/files"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// TestLayoutAsSkopeo: whatever image is written under whatever tag, the index
// lists what it lists when skopeo writes them.
func TestLayoutAsSkopeo(t *testing.T) {
	skopeo := oracle.Tool(t, "skopeo", "skopeo")
	dir := t.TempDir()
	var manifests []v1.Descriptor
	for i, spec := range []string{"f a", "f b"} {
		made, from := filepath.Join(dir, fmt.Sprint("made", i)), filepath.Join(dir, fmt.Sprint("from", i))
		if err := (layers.Image{Layers: []string{spec}}).WriteLayout(made, "t"); err != nil {
			t.Fatal(err)
		}
		// What it has compressed once it does not change any more.
		copied(t, skopeo, "oci:"+made+":t", "oci:"+from+":t")
		hash, err := v1.NewHash(strings.Fields(images.Listed(t, from)[0])[0])
		if err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: hash, Size: 1})
	}
	theirs, ours := filepath.Join(dir, "theirs"), filepath.Join(dir, "ours")
	for _, step := range []struct {
		image int
		tag   string
	}{{0, ""}, {0, "a"}, {0, "b"}, {1, "a"}, {0, ""}, {1, ""}, {1, "b"}, {1, "b"}, {0, "a"}, {0, "a"}, {1, ""}} {
		to := "oci:" + theirs
		if step.tag != "" {
			to += ":" + step.tag
		}
		copied(t, skopeo, fmt.Sprintf("oci:%s/from%d:t", dir, step.image), to)
		w := images.OpenLayout(t, source.Source{Transport: source.OCI, Path: ours, Ref: step.tag})
		if err := errors.Join(w.Commit(t.Context(), manifests[step.image]), w.Close()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(images.Listed(t, theirs), images.Listed(t, ours)); diff != "" {
			t.Fatalf("%v: skopeo (-) and we (+) list:\n%s", step, diff)
		}
	}
}

func copied(t *testing.T, skopeo, from, to string) {
	t.Helper()
	if out, err := exec.Command(skopeo, "--insecure-policy", "copy", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestLayoutKeeps: what nobody here knows stays in the index, and a tag is taken
// off wherever it stands.
func TestLayoutKeeps(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[x*")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	one, other := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	before := `{"schemaVersion":2,"x":{"y":"<&>"},"manifests":[` +
		`{"digest":"` + one + `","data":"QQ==","annotations":{"io.containerd.image.name":"a","org.opencontainers.image.ref.name":"a"}},` +
		`{"digest":"` + other + `","new":[1.0],"annotations":{"org.opencontainers.image.ref.name":"b","z":"1"}}]}`
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	w := images.OpenLayout(t, source.Source{Transport: source.OCI, Path: dir, Ref: "a"})
	blob, err := w.WriteBytes(types.OCIManifestSchema1, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if got := images.Read(t, dir, "index.json"); got != before {
		t.Errorf("the index changes before Commit: %s", got)
	}
	if err := errors.Join(w.Commit(t.Context(), blob), w.Close()); err != nil {
		t.Fatal(err)
	}
	const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	want := `{"manifests":[{"data":"QQ==","digest":"` + one + `"},{"annotations":{"org.opencontainers.image.ref.name":"b","z":"1"},"digest":"` + other + `","new":[1.0]},` +
		`{"annotations":{"org.opencontainers.image.ref.name":"a"},"digest":"sha256:` + hello + `","mediaType":"application/vnd.oci.image.manifest.v1+json","size":5}],"schemaVersion":2,"x":{"y":"<&>"}}`
	if diff := cmp.Diff(want, images.Read(t, dir, "index.json")); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if got := images.Read(t, dir, "blobs/sha256/"+hello); got != "hello" {
		t.Errorf("the blob is %q", got)
	}
	if info, err := os.Stat(filepath.Join(dir, "blobs/sha256", hello)); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the blob has the mode %v, %v", info.Mode(), err)
	}
	if got := images.Read(t, dir, "oci-layout"); got != `{"imageLayoutVersion":"1.0.0"}` {
		t.Errorf("oci-layout is %q", got)
	}
	info, err := os.Stat(filepath.Join(dir, "index.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the index has the mode %v, %v", info.Mode(), err)
	}
}

// TestLayoutEscapes: a digest is the same however its letters are written.
func TestLayoutEscapes(t *testing.T) {
	dir := t.TempDir()
	s := source.Source{Transport: source.OCI, Path: dir}
	w := images.OpenLayout(t, s)
	listed, err := w.WriteBytes(types.OCIManifestSchema1, []byte("listed"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := w.WriteBytes(types.OCIManifestSchema1, []byte("old"))
	if err != nil {
		t.Fatal(err)
	}
	escaped := func(d v1.Descriptor) string {
		return `{"digest":"` + strings.Replace(d.Digest.String(), "sha", `\u0073ha`, 1) + `","size":1}`
	}
	files.Write(t, filepath.Join(dir, "index.json"), []byte(`{"manifests":[`+escaped(listed)+","+escaped(old)+`]}`))
	added, err := w.WriteBytes(types.OCIManifestSchema1, []byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	w.Attach(added, func(context.Context) ([]v1.Hash, error) { return []v1.Hash{old.Digest}, nil })
	if err := errors.Join(w.Commit(t.Context(), listed), w.Close()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{listed.Digest.String() + " ", added.Digest.String() + " "}, images.Listed(t, dir)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// TestLayoutOfNothing: a writer that is closed leaves nothing of what it did.
func TestLayoutOfNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	w := images.OpenLayout(t, source.Source{Transport: source.OCI, Path: dir})
	broken := errors.New("broken")
	if _, err := w.WriteBlob(types.OCILayer, func(to io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if _, err := w.WriteBytes(types.OCILayer, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is there: %v", err)
	}
}
