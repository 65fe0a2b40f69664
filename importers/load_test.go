package importers_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	gcr "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/importers/composefs"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/objects"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/registries"
)

// options read everything, by the rules of OCI.
func options() importers.Options {
	return importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Limits: limits.Default(), Timeout: time.Minute}
}

// large is content that a tree has by its digest only.
var large = strings.Repeat("large", 100)

// specs are layers that give /usr/a "one" at 1 second, /usr/large, and no /usr/gone.
func specs() []string {
	return []string{"d usr mtime=1\nf usr/gone\nf usr/a =one mtime=1", "d usr mtime=1\nf usr/.wh.gone\nf usr/large =" + large}
}

// bareFile writes a layer to a file.
func bareFile(t *testing.T, archive []byte) importers.Source {
	t.Helper()
	file := filepath.Join(t.TempDir(), "layer.tar")
	files.Write(t, file, archive)
	return importers.Source{Transport: importers.Tar, Layers: []string{file}}
}

// ociLayout writes the layers to a layout, with the tag v1.
func ociLayout(t *testing.T, specs ...string) importers.Source {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	if err := (layers.Image{Layers: specs}).WriteLayout(dir, "v1"); err != nil {
		t.Fatal(err)
	}
	return importers.Source{Transport: importers.OCI, Path: dir, Ref: "v1"}
}

// gcrImage is the image of a layout as go-containerregistry reads it.
func gcrImage(t *testing.T, s importers.Source) v1.Image {
	t.Helper()
	index, err := gcr.ImageIndexFromPath(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// everySource is one root file system in all forms.
func everySource(t *testing.T) map[importers.Transport]importers.Source {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	files.Write(t, filepath.Join(root, "usr/a"), []byte("one"))
	files.Write(t, filepath.Join(root, "usr/large"), []byte(large))
	if err := os.Chtimes(filepath.Join(root, "usr/a"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}

	digest := fsverity.SumBytes(fsverity.SHA256, []byte(large)).String()
	dump := "/ 0 40755 3 0 0 0 0.0 - - -\n/usr 0 40755 2 0 0 0 1.0 - - -\n/usr/a 3 100644 1 0 0 0 1.0 - one -\n" +
		"/usr/large 500 100644 1 0 0 0 0.0 " + digest[:2] + "/" + digest[2:] + " - " + digest + "\n"
	files.Write(t, filepath.Join(dir, "dump"), []byte(dump))
	tree, err := dumpfile.Parse(strings.NewReader(dump), dumpfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var erofsImage bytes.Buffer
	if err := erofs.Write(&erofsImage, tree, erofs.Options{Version: erofs.V1}); err != nil {
		t.Fatal(err)
	}
	files.Write(t, filepath.Join(dir, "erofs"), erofsImage.Bytes())

	oci := ociLayout(t, specs()...)
	img := gcrImage(t, oci)
	tag, err := name.NewTag("os:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(filepath.Join(dir, "docker.tar"), tag, img); err != nil {
		t.Fatal(err)
	}
	host := registries.Loopback(t, registries.Untouched)
	registries.WriteAuth(t, "DOCKER_CONFIG/config.json", host)
	served, err := name.NewTag(host + "/os:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(served, img, registries.PushOptions()); err != nil {
		t.Fatal(err)
	}
	bare := importers.Source{Transport: importers.Tar}
	for _, spec := range specs() {
		bare.Layers = append(bare.Layers, bareFile(t, blobs.Gzip(t, layers.Tar(spec))).Layers...)
	}
	return map[importers.Transport]importers.Source{
		importers.Dir:           {Transport: importers.Dir, Path: root},
		importers.Dump:          {Transport: importers.Dump, Path: filepath.Join(dir, "dump")},
		importers.Erofs:         {Transport: importers.Erofs, Path: filepath.Join(dir, "erofs")},
		importers.OCI:           oci,
		importers.OCIArchive:    {Transport: importers.OCIArchive, Path: images.Archive(t, oci.Path), Ref: "v1"},
		importers.DockerArchive: {Transport: importers.DockerArchive, Path: filepath.Join(dir, "docker.tar"), Ref: "os:v1"},
		importers.Docker:        {Transport: importers.Docker, Ref: served.String()},
		importers.Tar:           bare,
	}
}

// TestLoad: whatever form a root file system has, its tree is the same, and what else
// the form holds is told.
func TestLoad(t *testing.T) {
	for transport, s := range everySource(t) {
		t.Run(string(transport), func(t *testing.T) {
			// As a name on a command line it is the same source.
			parsed, err := importers.ParseSource(s.Name())
			if err != nil || parsed.Name() != s.Name() {
				t.Errorf("%v is read as %v, %v", s, parsed, err)
			}
			got, err := importers.Load(t.Context(), parsed, options())
			if err != nil {
				t.Fatal(err)
			}
			a, big, gone := got.Tree.Lookup("/usr/a"), got.Tree.Lookup("/usr/large"), got.Tree.Lookup("/usr/gone")
			if a == nil || string(a.Node.Content.Inline) != "one" || a.Node.Mtime != (canon.Time{Sec: 1}) {
				t.Errorf("/usr/a is %+v", a)
			}
			if big == nil || big.Node.Size != 500 || big.Node.Content.Digest != fsverity.SumBytes(fsverity.SHA256, []byte(large)) {
				t.Errorf("/usr/large is %+v", big)
			}
			if gone != nil {
				t.Errorf("/usr/gone is %+v", gone)
			}
			wantLayers := 0
			if s.HasLayers() {
				wantLayers = len(specs())
			}
			if len(got.Layers) != wantLayers {
				t.Errorf("there are %d layers, want %d", len(got.Layers), wantLayers)
			}
			for i, l := range got.Layers {
				if l.Index != i+1 || l.DiffID != blobs.Digest(layers.Tar(specs()[i])).String() {
					t.Errorf("layer %+v", l)
				}
			}
			isImage := s.HasLayers() && transport != importers.Tar
			if (got.Created != nil) != isImage || isImage && *got.Created != (canon.Time{Sec: 1700000000}) {
				t.Errorf("it was made at %v", got.Created)
			}
			if (got.Composefs != nil) != (transport == importers.Erofs) || got.Other != nil {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestObjects: content that the tree does not hold goes into the store, and what has
// none is refused.
func TestObjects(t *testing.T) {
	digest := fsverity.SumBytes(fsverity.SHA256, []byte(large))
	for transport, s := range everySource(t) {
		store, err := objects.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		o := options()
		o.Objects = store
		_, err = importers.Load(t.Context(), s, o)
		if s.IsFinal() {
			if err == nil || err.Error() != s.String()+" has no content of files, only their digests" {
				t.Errorf("%s: error %v", transport, err)
			}
		} else if err != nil {
			t.Errorf("%s: %v", transport, err)
		} else if f, err := store.Open(digest); err != nil {
			t.Errorf("%s: %v", transport, err)
		} else if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestLoadOptions: each option reaches the room that it is for.
func TestLoadOptions(t *testing.T) {
	sources := everySource(t)
	var read atomic.Int64
	o := options()
	o.Progress = func(p limits.Progress) { read.Add(p.Bytes) }
	o.Headers = true
	got, err := importers.Load(t.Context(), sources[importers.OCI], o)
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, spec := range specs() {
		size += len(layers.Tar(spec))
	}
	if read.Load() != int64(size) {
		t.Errorf("the progress was %d bytes of %d", read.Load(), size)
	}
	if h := got.Tree.Lookup("/usr/a").Origin.Header; h == nil || h.Name != "usr/a" {
		t.Errorf("header %+v", h)
	}
	// Of a directory, what comes out is likewise what is new.
	var entries int64
	read.Store(0)
	o.Progress = func(p limits.Progress) { entries, _ = entries+p.Entries, read.Add(p.Bytes) }
	if _, err := importers.Load(t.Context(), sources[importers.Dir], o); err != nil || entries != 4 || read.Load() != int64(len("one")+len(large)) {
		t.Errorf("the progress was %d entries and %d bytes, %v", entries, read.Load(), err)
	}

	for name, c := range map[string]struct {
		transport importers.Transport
		change    func(*importers.Options)
		want      any
	}{
		"entries":      {importers.OCI, func(o *importers.Options) { o.Limits.Entries = 5 }, new(*limits.LimitError)},
		"bytes":        {importers.Tar, func(o *importers.Options) { o.Limits.Bytes = 2000 }, new(*limits.LimitError)},
		"other digest": {importers.Dump, func(o *importers.Options) { o.Hash = fsverity.SHA512 }, new(*composefs.HashError)},
	} {
		o := options()
		c.change(&o)
		if _, err := importers.Load(t.Context(), sources[c.transport], o); !errors.As(err, c.want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	o = options()
	o.Platform = &v1.Platform{OS: "linux", Architecture: "s390x"}
	if _, err := importers.Load(t.Context(), sources[importers.OCI], o); err == nil || !strings.Contains(err.Error(), "the image is for linux/amd64, not for linux/s390x") {
		t.Errorf("error %v", err)
	}
	historical := filepath.Join(t.TempDir(), "dump")
	files.Write(t, historical, []byte("/ 0 40755 2 0 0 0 0.0 - - -"))
	for _, lenient := range []bool{false, true} {
		o := options()
		o.Lenient = lenient
		if _, err := importers.Load(t.Context(), importers.Source{Transport: importers.Dump, Path: historical}, o); (err == nil) != lenient {
			t.Errorf("lenient %v: error %v", lenient, err)
		}
	}
}

// TestLoadRules: the rules that are named give the tree, and it is told if the other
// ones treat the image in another way.
func TestLoadRules(t *testing.T) {
	s := ociLayout(t, "f z", "h .wh.z ->none")
	got, err := importers.Load(t.Context(), s, options())
	if err != nil {
		t.Fatal(err)
	}
	if got.Tree.Lookup("/z") != nil || got.Other == nil || got.Other.Rules != layer.RulesComposefsRS || got.Other.Err == nil {
		t.Errorf("%+v", got.Other)
	}
	o := options()
	o.Rules = layer.RulesComposefsRS
	for _, shared := range []*image.Shared{nil, {}} {
		o.Shared = shared
		if _, err := importers.Load(t.Context(), s, o); err == nil || !strings.HasPrefix(err.Error(), s.String()+": layer 2 (") || !strings.Contains(err.Error(), `the hardlink's target "none" is not there`) {
			t.Errorf("error %v", err)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	for _, transport := range []importers.Transport{importers.Dir, importers.Dump, importers.Erofs, importers.OCI, importers.OCIArchive, importers.DockerArchive, importers.Tar} {
		none := filepath.Join(t.TempDir(), "none")
		s := importers.Source{Transport: transport, Path: none, Layers: []string{none}}
		if got, err := importers.Load(t.Context(), s, options()); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), none) || got != nil {
			t.Errorf("%s: error %v", transport, err)
		}
	}
	s := bareFile(t, []byte("no archive"))
	if _, err := importers.Load(t.Context(), s, options()); err == nil || !strings.HasPrefix(err.Error(), s.String()+": layer 1 (") {
		t.Errorf("error %v", err)
	}
}

// TestLoadTimeout: a pipe into which nobody writes is given up.
func TestLoadTimeout(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// What still waits for a writer gets one.
		f, err := os.OpenFile(fifo, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	})
	o := options()
	o.Timeout = time.Millisecond
	for _, s := range []importers.Source{{Transport: importers.Tar, Layers: []string{fifo}}, {Transport: importers.Dump, Path: fifo}} {
		_, err := importers.Load(t.Context(), s, o)
		var slow *limits.TimeoutError
		if !errors.As(err, &slow) || slow.What != s.String()+" could not be read" || slow.Timeout != time.Millisecond {
			t.Errorf("error %v", err)
		}
	}
}
