package importers_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/importers"
	"cfsverify/importers/image"
	"cfsverify/importers/limits"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
)

// TestOpenRefusals: what is no image, and what is no image of the transport's form.
func TestOpenRefusals(t *testing.T) {
	dir := t.TempDir()
	layerFile := filepath.Join(dir, "layer.tar")
	files.Write(t, layerFile, layers.Tar("f a"))
	for _, c := range []struct {
		source importers.Source
		want   string
	}{
		{importers.Source{Transport: importers.Dir, Path: dir}, "dir:" + dir + " is no container image"},
		{importers.Source{Transport: importers.Dump, Path: "-"}, "dump:- is no container image"},
		{importers.Source{Transport: importers.Erofs, Path: "x"}, "erofs:x is no container image"},
		{importers.Source{Transport: importers.OCI, Path: dir}, dir + " is no OCI image layout: "},
		{importers.Source{Transport: importers.OCIArchive, Path: layerFile}, "oci-archive:" + layerFile + ": it is a tar archive without an image: write tar:" + layerFile + " if it is a layer"},
		{importers.Source{Transport: importers.DockerArchive, Path: layerFile}, "docker-archive:" + layerFile + ": it is a tar archive without an image: write tar:" + layerFile + " if it is a layer"},
		{importers.Source{Transport: importers.Docker, Ref: "a b"}, "docker://a b: "},
	} {
		if img, err := importers.Open(t.Context(), c.source, nil); err == nil || !strings.HasPrefix(err.Error(), c.want) || img != nil {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

// TestWith: work gets the image, which is closed afterwards.
func TestWith(t *testing.T) {
	s := ociLayout(t, "f a")
	archive := filepath.Join(t.TempDir(), "docker.tar")
	tag, err := name.NewTag("os:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(archive, tag, gcrImage(t, s)); err != nil {
		t.Fatal(err)
	}
	docker := importers.Source{Transport: importers.DockerArchive, Path: archive}
	img, err := importers.With(t.Context(), docker, nil, time.Minute, func(ctx context.Context, img *image.Image) (*image.Image, error) {
		_, err := img.Layers(ctx, options().Reading())
		return img, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := img.Layers(t.Context(), options().Reading()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v", err)
	}

	broken := errors.New("broken")
	for name, c := range map[string]struct {
		work func(context.Context, *image.Image) (string, error)
		want []error
	}{
		"work fails":          {func(context.Context, *image.Image) (string, error) { return "result", broken }, []error{broken}},
		"the image is closed": {func(_ context.Context, img *image.Image) (string, error) { return "result", img.Close() }, []error{os.ErrClosed}},
		"both": {func(_ context.Context, img *image.Image) (string, error) {
			return "result", errors.Join(broken, img.Close())
		}, []error{broken, os.ErrClosed}},
	} {
		result, err := importers.With(t.Context(), docker, nil, 0, c.work)
		for _, want := range c.want {
			if !errors.Is(err, want) || !strings.HasPrefix(err.Error(), docker.String()+": ") || result != "" {
				t.Errorf("%s: %q, error %v, want %v", name, result, err, want)
			}
		}
	}
	none := importers.Source{Transport: importers.OCI, Path: filepath.Join(t.TempDir(), "none")}
	if _, err := importers.With(t.Context(), none, nil, 0, func(context.Context, *image.Image) (string, error) {
		t.Error("work begins without an image")
		return "", nil
	}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// slowly ends when its context does.
func slowly(ctx context.Context, _ *image.Image) (string, error) {
	<-ctx.Done()
	return "late", ctx.Err()
}

func TestTimeouts(t *testing.T) {
	s := ociLayout(t, "f a")
	var slow *limits.TimeoutError
	if got, err := importers.With(t.Context(), s, nil, time.Millisecond, slowly); !errors.As(err, &slow) || slow.What != s.String()+" could not be read" || got != "" {
		t.Errorf("%q, error %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := importers.With(ctx, s, nil, time.Minute, slowly); !errors.Is(err, context.Canceled) || errors.As(err, &slow) {
		t.Errorf("error %v", err)
	}
}

// TestWithStaged: work gets an image that no index names yet.
func TestWithStaged(t *testing.T) {
	s, err := importers.ParseLayout("oci:" + filepath.Join(t.TempDir(), "to") + ":v1")
	if err != nil {
		t.Fatal(err)
	}
	w := images.OpenLayout(t, s)
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	archive := layers.Tar("f a =staged")
	config := blobs.JSON(t, map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": []any{blobs.Digest(archive).String()}}})
	manifest := blobs.JSON(t, map[string]any{"schemaVersion": 2, "config": blobs.Descriptor(types.OCIConfigJSON, blobs.Digest(config).String(), len(config)),
		"layers": []any{blobs.Descriptor(types.OCIUncompressedLayer, blobs.Digest(archive).String(), len(archive))}})
	for _, data := range [][]byte{archive, config} {
		if _, err := w.WriteBytes("x", data); err != nil {
			t.Fatal(err)
		}
	}
	staged, err := w.WriteBytes(types.OCIManifestSchema1, manifest)
	if err != nil {
		t.Fatal(err)
	}
	got, err := importers.WithStaged(t.Context(), w, staged, time.Minute, func(ctx context.Context, img *image.Image) (string, error) {
		tree, err := importers.Layer(ctx, img, options().Reading(), 1)
		if err != nil {
			return "", err
		}
		return string(tree.Lookup("/a").Node.Content.Inline), nil
	})
	if got != "staged" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	broken := errors.New("broken")
	if _, err := importers.WithStaged(t.Context(), w, staged, 0, func(context.Context, *image.Image) (string, error) { return "", broken }); !errors.Is(err, broken) || err.Error() != s.String()+": broken" {
		t.Errorf("error %v", err)
	}
	absent := staged
	absent.Digest = blobs.Digest([]byte("absent"))
	if _, err := importers.WithStaged(t.Context(), w, absent, 0, slowly); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	var slow *limits.TimeoutError
	if _, err := importers.WithStaged(t.Context(), w, staged, time.Millisecond, slowly); !errors.As(err, &slow) || slow.What != s.String()+" could not be read" {
		t.Errorf("error %v", err)
	}
}
