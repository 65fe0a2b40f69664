package importers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"cfsverify/canon"
	"cfsverify/compare/raw"
	"cfsverify/importers/blob"
	"cfsverify/importers/image"
	"cfsverify/importers/limits"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/registries"
)

// rawPair is an archive on each side, in images that state all digests.
func rawPair(t *testing.T, o Options, a, b blob.Blob) (*raw.Layer, error) {
	t.Helper()
	var sides [2]raw.Side
	for i, x := range []blob.Blob{a, b} {
		x.Layer = &canon.Layer{Index: 1}
		if x.DiffID != (v1.Hash{}) {
			x.Layer.DiffID = x.DiffID.String()
		}
		sides[i] = rawSide("", &image.Image{Blobs: []blob.Blob{x}}, o.Limits, nil)
	}
	out, err := raw.Compare(t.Context(), sides[0], sides[1])
	if err != nil {
		return nil, err
	}
	return out.Layers[0], nil
}

func TestRawStored(t *testing.T) {
	a, b := layers.Tar("f a =one"), layers.Tar("f a =two")
	gz, zst := blobs.Gzip(t, a), blobs.Zstd(t, a)
	named := bytes.Clone(gz)
	copy(named[4:], "\x09\x01\x00\x00") // mtime
	for name, tt := range map[string]struct {
		a, b   blob.Blob
		same   bool
		offset int64 // of the first different stored byte, -2 if the blobs are the same
		kinds  string
	}{
		"same":            {a: statedBlob(gz, a), b: statedBlob(gz, a), same: true, offset: -2},
		"gzip and plain":  {a: statedBlob(gz, a), b: statedBlob(a, a), same: true, offset: 0, kinds: "gzip none"},
		"gzip and zstd":   {a: statedBlob(gz, a), b: statedBlob(zst, a), same: true, offset: 0, kinds: "gzip zstd"},
		"gzip mtime":      {a: statedBlob(gz, a), b: statedBlob(named, a), same: true, offset: 4, kinds: "gzip gzip"},
		"longer":          {a: statedBlob(a, a), b: statedBlob(gz, a), same: true, offset: 0, kinds: "none gzip"},
		"other archives":  {a: statedBlob(a, a), b: statedBlob(b, b), offset: -1, kinds: "none none"},
		"nothing stated":  {a: blob.Blob{Size: -1, Open: blobs.Opener(gz)}, b: blob.Blob{Size: -1, Open: blobs.Opener(a)}, same: true, offset: 0, kinds: "gzip none"},
		"other, compared": {a: statedBlob(gz, a), b: statedBlob(blobs.Gzip(t, b), b), offset: -1, kinds: "gzip gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := rawPair(t, Options{Limits: limits.Default()}, tt.a, tt.b)
			if err != nil {
				t.Fatal(err)
			}
			if l.SameArchive() != tt.same || l.Same() != (tt.offset == -2) {
				t.Errorf("%+v", l)
			}
			if l.Stored == nil {
				return
			}
			s := l.Stored
			if s.Offset != tt.offset || string(s.A.Compression)+" "+string(s.B.Compression) != tt.kinds || (s.A.Gzip != nil) != (s.A.Compression == "gzip") {
				t.Errorf("%+v", s)
			}
			if want := blobs.Digest(a).String(); l.A.DiffID != want {
				t.Errorf("diffID %s, want %s", l.A.DiffID, want)
			}
		})
	}
	l, err := rawPair(t, Options{}, statedBlob(gz, a), statedBlob(named, a))
	if err != nil || l.Stored.A.Gzip.Mtime == 0x109 || l.Stored.B.Gzip.Mtime != 0x109 || l.Stored.A.Gzip.OS != 255 {
		t.Errorf("mtimes: %+v, %+v, %v", l.Stored.A.Gzip, l.Stored.B.Gzip, err)
	}
}

// TestRawErrors: whatever is wrong with one side, nothing is told of either.
func TestRawErrors(t *testing.T) {
	a, b := layers.Tar("f a =one"), layers.Tar("f a =two")
	damaged := bytes.Clone(a)
	damaged[512] = 'x'
	for name, tt := range map[string]struct {
		bad     blob.Blob
		limits  limits.Limits
		message string
	}{
		"damaged":          {bad: blob.Blob{Digest: blobs.Digest(a), DiffID: blobs.Digest(a), Size: int64(len(a)), Open: blobs.Opener(damaged)}, message: "the blob is damaged"},
		"other diffID":     {bad: blob.Blob{Digest: blobs.Digest(a), DiffID: blobs.Digest(damaged), Size: int64(len(a)), Open: blobs.Opener(a)}, message: "its diffID should be"},
		"truncated":        {bad: blob.Blob{Digest: blobs.Digest(a), DiffID: blobs.Digest(a), Size: int64(len(a)), Open: blobs.Opener(a[:700])}, message: "it is truncated"},
		"no tar":           {bad: statedBlob([]byte(strings.Repeat("x", 2000)), []byte(strings.Repeat("x", 2000))), message: "entry 1: block at byte 0: this is no tar header"},
		"not there":        {bad: blob.Blob{Digest: blobs.Digest(a), Size: 1, Open: func() (io.ReadCloser, error) { return nil, os.ErrNotExist }}, message: "does not exist"},
		"other hash":       {bad: blob.Blob{Digest: v1.Hash{Algorithm: "sha512", Hex: "00"}, Open: blobs.Opener(a)}, message: "only sha256"},
		"too many entries": {bad: statedBlob(layers.Tar("f a\nf b\nf c"), layers.Tar("f a\nf b\nf c")), limits: limits.Limits{Entries: 2}, message: "tar entries"},
		"global headers":   {bad: statedBlob(globalHeaders(1), globalHeaders(1)), limits: limits.Limits{Metadata: 600}, message: "PAX records"},
		"many of them":     {bad: statedBlob(globalHeaders(5000), globalHeaders(5000)), message: "the headers before an entry have more than"},
		"too many bytes":   {bad: statedBlob(layers.Tar("f a\nf b\nf c"), layers.Tar("f a\nf b\nf c")), limits: limits.Limits{Bytes: 2048}, message: "uncompressed bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			good := statedBlob(b, b)
			for i, pair := range [][2]blob.Blob{{tt.bad, good}, {good, tt.bad}} {
				l, err := rawPair(t, Options{Limits: tt.limits}, pair[0], pair[1])
				if err == nil || !strings.Contains(err.Error(), tt.message) || !strings.Contains(err.Error(), "layer 1") || l != nil {
					t.Errorf("bad side %d: %v", i, err)
				}
			}
		})
	}
}

func globalHeaders(n int) []byte {
	return layers.Tar(strings.Repeat("'g' g =\"9 p=path\\n"+strings.Repeat("9 p=path\\n", 20)+"\"\n", n) + "f a")
}

// TestRawDamagedButEqual: digests that are the same do not make blobs the same.
func TestRawDamagedButEqual(t *testing.T) {
	a := layers.Tar("f a =one")
	damaged := bytes.Clone(a)
	damaged[512] = 'x'
	bad := statedBlob(a, a)
	bad.Open = blobs.Opener(damaged)
	if _, err := rawPair(t, Options{}, statedBlob(a, a), bad); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error %v", err)
	}
}

func TestRawCancelled(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	slow := func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(layers.Tar("f a size=1000000000 =x")[:1024]), cancelling{cancel})), nil
	}
	var sides [2]raw.Side
	for i := range sides {
		sides[i] = rawSide("", &image.Image{Blobs: []blob.Blob{{Layer: &canon.Layer{Index: 1}, Size: -1, Open: slow}}}, limits.Limits{}, nil)
	}
	if _, err := raw.Compare(ctx, sides[0], sides[1]); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	goroutinesEnd(t, before)
}

// TestRawNoLeak: what was begun to read ends when the other side is not there.
func TestRawNoLeak(t *testing.T) {
	before := runtime.NumGoroutine()
	endless := blob.Blob{Size: -1, Open: func() (io.ReadCloser, error) { return io.NopCloser(cancelling{func() {}}), nil }}
	absent := blob.Blob{Size: -1, Open: func() (io.ReadCloser, error) { return nil, os.ErrNotExist }}
	for range 10 {
		if _, err := rawPair(t, Options{}, endless, absent); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	}
	goroutinesEnd(t, before)
}

// goroutinesEnd wants no more of them than there were before.
func goroutinesEnd(t *testing.T, before int) {
	t.Helper()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, before there were %d", runtime.NumGoroutine(), before)
}

// cancelling gives zeros without end, and cancels.
type cancelling struct{ cancel func() }

func (c cancelling) Read(p []byte) (int, error) {
	c.cancel()
	return len(p), nil
}

// TestRawImages pairs layers of layouts, one of which has one more.
func TestRawImages(t *testing.T) {
	dir := t.TempDir()
	var sources [2]source.Source
	for i, specs := range [][]string{{"d usr/", "f usr/a =1", "f usr/b =1"}, {"d usr/", "f usr/new", "f usr/a =1", "f usr/b =2"}} {
		path := filepath.Join(dir, string(rune('a'+i)))
		if err := (layers.Image{Layers: specs}).WriteLayout(path, "t"); err != nil {
			t.Fatal(err)
		}
		sources[i] = source.Source{Transport: source.OCI, Path: path}
	}
	got, err := CompareRaw(t.Context(), sources[0], sources[1], RawOptions{Limits: limits.Default(), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Layers) != 4 || got.Layers[0].Stored != nil || got.Layers[1].A != nil || got.Layers[1].B.Index != 2 ||
		got.Layers[2].A.Index != 2 || got.Layers[2].B.Index != 3 || !got.Layers[2].Same() || got.Layers[3].Archive == nil {
		t.Errorf("%+v", got)
	}
	if got.Same() || got.Config.Same || got.Manifest.Same || !got.Config.LeftOut || got.A.Layers != 3 || got.B.Layers != 4 {
		t.Errorf("%+v", got)
	}
	same, err := CompareRaw(t.Context(), sources[0], sources[0], RawOptions{})
	if err != nil || !same.Same() || !same.Manifest.Same || same.A.Manifest == "" || same.A.Config == "" {
		t.Errorf("%+v, %v", same, err)
	}
}

// TestCompareRawErrors: what cannot be opened is named, on either side.
func TestCompareRawErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(file, layers.Tar("f a"), 0o644); err != nil {
		t.Fatal(err)
	}
	good := source.Source{Transport: source.Tar, Layers: []string{file}}
	for want, bad := range map[string]source.Source{
		"dir:/ is no container image": {Transport: source.Dir, Path: "/"},
		"none is no OCI image layout": {Transport: source.OCI, Path: "none"},
		"(none): open none: no such":  {Transport: source.Tar, Layers: []string{"none"}},
	} {
		for _, pair := range [][2]source.Source{{bad, good}, {good, bad}} {
			if got, err := CompareRaw(t.Context(), pair[0], pair[1], RawOptions{}); err == nil || !strings.Contains(err.Error(), want) || got != nil {
				t.Errorf("%v: error %v, want %s", pair, err, want)
			}
		}
	}
}

// TestRawPipes: a layer that can be read only once is compared, and no byte of how it
// is stored is named.
func TestRawPipes(t *testing.T) {
	dir := t.TempDir()
	fifo, gz, plain := filepath.Join(dir, "fifo"), filepath.Join(dir, "layer.tar.gz"), filepath.Join(dir, "layer.tar")
	archive := layers.Tar("f a =one")
	compressed := blobs.Gzip(t, archive)
	if err := errors.Join(os.WriteFile(plain, archive, 0o644), os.WriteFile(gz, compressed, 0o644), syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(fifo, compressed, 0) }()
	for path, offset := range map[string]int64{fifo: -1, gz: 0} {
		got, err := CompareRaw(t.Context(), source.Source{Transport: source.Tar, Layers: []string{path}}, source.Source{Transport: source.Tar, Layers: []string{plain}}, RawOptions{Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if l := got.Layers[0]; !l.SameArchive() || l.Stored == nil || l.Stored.Offset != offset {
			t.Errorf("%s: %+v", path, l)
		}
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// TestRawRegistry: what two tags of one repository share is read once.
func TestRawRegistry(t *testing.T) {
	var reads atomic.Int64
	host := registries.Loopback(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
				reads.Add(1)
			}
			h.ServeHTTP(w, r)
		})
	})
	registries.WriteAuth(t, "DOCKER_CONFIG/config.json", host)
	img := registries.Random(t, 3)
	for _, ref := range []string{host + "/x:a", host + "/x:b", host + "/y:b"} {
		ref, err := name.ParseReference(ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, img, registries.PushOptions()); err != nil {
			t.Fatal(err)
		}
	}
	for other, want := range map[string]int64{"/x:b": 5, "/y:b": 8} {
		reads.Store(0)
		got, err := CompareRaw(t.Context(), source.Source{Transport: source.Docker, Ref: host + "/x:a"}, source.Source{Transport: source.Docker, Ref: host + other}, RawOptions{})
		if err != nil || !got.Same() || len(got.Layers) != 3 {
			t.Errorf("%+v, %v", got, err)
		}
		// Two of them are the configs.
		if reads.Load() != want {
			t.Errorf("%s: %d blobs were read, want %d", other, reads.Load(), want)
		}
	}
}

// statedBlob is a blob with all that a manifest and config would say of it.
func statedBlob(stored, archive []byte) blob.Blob {
	return blob.Blob{
		Layer:  &canon.Layer{Index: 2, Digest: blobs.Digest(stored).String(), DiffID: blobs.Digest(archive).String()},
		Digest: blobs.Digest(stored), Size: int64(len(stored)), DiffID: blobs.Digest(archive),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(stored)), nil },
	}
}
