package importers_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
	"cfsverify/canon/tarfile"
	"cfsverify/importers"
	"cfsverify/importers/blob"
	"cfsverify/importers/engine"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/objects"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/trees"
)

// opened is an image of archives of which nothing is stated.
func opened(archives ...[]byte) *image.Image {
	img := &image.Image{}
	for i, a := range archives {
		img.Blobs = append(img.Blobs, blob.Blob{Layer: &canon.Layer{Index: i + 1, Name: fmt.Sprintf("%d.tar", i+1)}, Size: -1, Open: blobs.Opener(a)})
	}
	return img
}

// openedSpecs does so with archives of specs.
func openedSpecs(specs ...string) *image.Image {
	var archives [][]byte
	for _, spec := range specs {
		archives = append(archives, layers.Tar(spec))
	}
	return opened(archives...)
}

// TestStagesOfBrokenLayer: a layer that cannot be read is every stage's error.
func TestStagesOfBrokenLayer(t *testing.T) {
	reading := options().Reading()
	for name, stage := range map[string]func(img *image.Image) error{
		"Lint":  func(img *image.Image) error { _, err := importers.Lint(t.Context(), img, reading); return err },
		"Layer": func(img *image.Image) error { _, err := importers.Layer(t.Context(), img, reading, 1); return err },
		"Unpack": func(img *image.Image) error {
			_, err := importers.Unpack(t.Context(), img, reading, layer.RulesOCI, nil)
			return err
		},
		"ReadSealed": func(img *image.Image) error {
			_, err := importers.ReadSealed(t.Context(), img, reading, layer.RulesOCI)
			return err
		},
	} {
		if err := stage(opened(layers.Tar("f a"), []byte("no archive"))); err == nil || !strings.HasPrefix(err.Error(), "layer 2 (2.tar), entry 1: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// The rules refuse what could be read.
	refused := openedSpecs("f z", "h .wh.z ->none")
	if _, err := importers.Unpack(t.Context(), refused, reading, layer.RulesComposefsRS, nil); err == nil || !strings.Contains(err.Error(), "composefs-rs refuses this") {
		t.Errorf("error %v", err)
	}
	if _, err := importers.ReadSealed(t.Context(), refused, reading, layer.RulesComposefsRS); err == nil || !strings.Contains(err.Error(), "composefs-rs refuses this") {
		t.Errorf("error %v", err)
	}
}

// TestLint: departures come in the order of layers and entries, whichever layer is
// read first.
func TestLint(t *testing.T) {
	var tree canon.Tree
	tree.Root = &canon.Node{Kind: canon.Directory, Perm: 0o755}
	tree.CountLinks()
	canonical := blobs.CanonicalTar(t, &tree, false)
	if found, err := importers.Lint(t.Context(), opened(canonical), options().Reading()); err != nil || found != nil {
		t.Errorf("%v, %v", found, err)
	}
	found, err := importers.Lint(t.Context(), openedSpecs("f a\nf a =2", "f x/y\nf .wh.none"), options().Reading())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range found {
		if d.Rule == tarfile.DuplicateEntry || d.Rule == tarfile.MissingParent || d.Rule == tarfile.WhiteoutOfNothing {
			got = append(got, fmt.Sprintf("%d:%d %s %s", d.Layer.Index, d.Entry, d.Rule, d.Path))
		}
	}
	if diff := cmp.Diff([]string{"1:2 duplicate-entry /a", "2:1 missing-parent /x", "2:2 whiteout-of-nothing /none"}, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestLayer(t *testing.T) {
	img := openedSpecs("d a uid=1\nf a/b =1\nf c", "f a/d =2\nf .wh.c")
	for n, want := range map[int]string{1: "d a uid=1\nf a/b =1\nf c", 2: "f .wh.c\nd a uid=1\nf a/d =2"} {
		tree, err := importers.Layer(t.Context(), img, options().Reading(), n)
		if err != nil {
			t.Fatal(err)
		}
		if got := trees.Text(tree); got != trees.Lines(want) {
			t.Errorf("layer %d: got\n%swant\n%s", n, got, trees.Lines(want))
		}
	}
	if _, err := importers.Layer(t.Context(), img, options().Reading(), 3); err == nil || err.Error() != "there is no layer 3: the image has 2" {
		t.Errorf("error %v", err)
	}
}

// TestUnpack: engines show trees, or say why not; the time of unpacking is no entry's.
func TestUnpack(t *testing.T) {
	img := openedSpecs("d a mtime=2000000000\nf a/b =1\nf a/b =2")
	img.Created = &canon.Time{Sec: 5}
	u, err := importers.Unpack(t.Context(), img, options().Reading(), layer.RulesOCI, engine.Engines())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := trees.Text(u.Image.Tree), trees.Lines("d a mtime=2000000000\nf a/b =2"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if *u.Image.Created != (canon.Time{Sec: 5}) || len(u.Image.Layers) != 1 || u.Image.Layers[0] != img.Blobs[0].Layer || u.Time.Sec != 2000000001 {
		t.Errorf("%+v at %v", u.Image, u.Time)
	}
	// Of containers-storage it was measured that it refuses a path that is there twice.
	for _, e := range u.Engines {
		switch e.Engine.Name {
		case "containers-storage":
			if e.Tree != nil || e.Err == nil || !strings.HasPrefix(e.Err.Error(), "layer 1 (1.tar), entry 3 ") {
				t.Errorf("%s: error %v", e.Engine.Name, e.Err)
			}
		case "umoci":
			if e.Err != nil || string(e.Tree.Lookup("/a/b").Node.Content.Inline) != "2" {
				t.Errorf("%s: error %v", e.Engine.Name, e.Err)
			}
		default:
			t.Errorf("engine %s", e.Engine.Name)
		}
	}
	if len(u.Engines) != 2 || u.Image.Tree.Lookup("/a/b").Origin.Header == nil {
		t.Errorf("%d engines", len(u.Engines))
	}
}

// TestReadSealed: an image comes with its seals, its layers to apply again, and the
// bytes that seals are in.
func TestReadSealed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	digest := strings.Repeat("1", 64)
	images.Image{
		Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON,
		Fields: map[string]any{"config": map[string]any{"Labels": map[string]string{"containers.composefs.fsverity": digest}}},
		Layers: []images.Layer{
			{Archive: layers.Tar("d usr\nf usr/a"), MediaType: types.OCIUncompressedLayer},
			{Archive: layers.Tar("f usr/large =" + large), MediaType: types.OCIUncompressedLayer},
		},
	}.Write(t, dir, "v1")
	store, err := objects.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	o := options()
	o.Objects = store
	sealed, err := importers.With(t.Context(), importers.Source{Transport: importers.OCI, Path: dir}, nil, 0, func(ctx context.Context, img *image.Image) (*importers.Sealed, error) {
		return importers.ReadSealed(ctx, img, o.Reading(), layer.RulesOCI)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sealed.Seals) != 1 || sealed.Seals[0].Place != seal.Label || sealed.Seals[0].Value != digest || sealed.Seals[0].Err != nil {
		t.Errorf("%+v", sealed.Seals)
	}
	if got := string(sealed.Config); !strings.Contains(got, digest) || !strings.Contains(string(sealed.Manifest), blobs.Digest(sealed.Config).String()) {
		t.Errorf("config %s, manifest %s", got, sealed.Manifest)
	}
	if lowest, err := sealed.Stack.Lowest(1); err != nil || sealed.Stack.Len() != 2 || lowest.Lookup("/usr/a") == nil || lowest.Lookup("/usr/large") != nil || sealed.Tree.Lookup("/usr/large") == nil {
		t.Errorf("%d layers, %v", sealed.Stack.Len(), err)
	}
	// Only what may be a kernel image is kept.
	if f, err := store.Open(fsverity.SumBytes(fsverity.SHA256, []byte(large))); err == nil {
		f.Close()
		t.Error("the store has content that begins as no kernel image does")
	}
}

// TestCheckSame: an image is the same by its layers, config and manifest.
func TestCheckSame(t *testing.T) {
	read := func(config string, diffIDs ...string) *importers.Sealed {
		s := &importers.Sealed{Import: &importers.Import{}, Config: []byte(config), Manifest: []byte("manifest")}
		for _, id := range diffIDs {
			s.Layers = append(s.Layers, &canon.Layer{DiffID: id})
		}
		return s
	}
	first, other := read("config", "a", "b"), read("config", "a", "b")
	other.Manifest = nil
	for _, c := range []struct {
		again *importers.Sealed
		same  bool
	}{{read("config", "a", "b"), true}, {read("config", "a", "c"), false}, {read("config", "a"), false}, {read("other", "a", "b"), false}, {other, false}} {
		if err := first.CheckSame(c.again); (err == nil) != c.same {
			t.Errorf("%s, %d layers: error %v", c.again.Config, len(c.again.Layers), err)
		}
	}
}

// TestReadSealedErrors: seals that cannot be looked for are an error.
func TestReadSealedErrors(t *testing.T) {
	img := openedSpecs("f a")
	img.Manifest = []byte("{}")
	broken := errors.New("broken")
	img.Artifacts = func(context.Context) ([]image.Artifact, error) { return nil, broken }
	if _, err := importers.ReadSealed(t.Context(), img, options().Reading(), layer.RulesOCI); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}
