package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	registryserver "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/registries"
	"cfsverify/testdata/trees"
)

// fault is asked before the registry; it says whether it has answered. n counts
// the requests of the same method for the same path, from 1 on.
type fault func(w http.ResponseWriter, r *http.Request, n int) bool

// faultyRegistry serves an image of one layer, through a fault.
type faultyRegistry struct {
	layer  []byte
	digest v1.Hash
	ref    name.Reference
	server *httptest.Server

	mu       sync.Mutex
	fault    fault
	requests map[string]int
}

func newFaultyRegistry(t *testing.T, mediaType types.MediaType, urls ...string) *faultyRegistry {
	t.Helper()
	registries.WriteAuth(t, "DOCKER_CONFIG/config.json", "elsewhere.example")
	f := &faultyRegistry{layer: layers.Tar("d a\nf a/b =" + strings.Repeat("content", 20000)), requests: map[string]int{}}
	f.digest = blobs.Digest(f.layer)
	next := registryserver.New(registryserver.Logger(log.New(io.Discard, "", 0)))
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests[r.Method+" "+r.URL.Path]++
		n, fault := f.requests[r.Method+" "+r.URL.Path], f.fault
		f.mu.Unlock()
		if fault == nil || !fault(w, r, n) {
			next.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(f.server.Close)
	img, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		mutate.Addendum{Layer: static.NewLayer(f.layer, mediaType), MediaType: mediaType, URLs: urls})
	if err != nil {
		t.Fatal(err)
	}
	if f.ref, err = name.ParseReference(strings.TrimPrefix(f.server.URL, "http://") + "/os:v1"); err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(f.ref, img, remote.WithNondistributable); err != nil {
		t.Fatal(err)
	}
	f.requests = map[string]int{}
	return f
}

// loaded is an image of which all was read.
type loaded struct {
	Tree   *canon.Tree
	Layers []*canon.Layer
}

func loadFrom(ctx context.Context, img *image.Image) (*loaded, error) {
	layers, err := img.Layers(ctx, image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA256}})
	if err != nil {
		return nil, err
	}
	tree, err := layer.Apply(layers, layer.RulesOCI)
	return &loaded{tree, img.LayerList()}, err
}

const testIdle = 300 * time.Millisecond

func (f *faultyRegistry) load(ctx context.Context) (*loaded, error) {
	r, err := openRepository(f.ref.Context(), time.Millisecond, testIdle)
	if err != nil {
		return nil, err
	}
	return f.loadFrom(ctx, r)
}

func (f *faultyRegistry) loadFrom(ctx context.Context, r *repository) (*loaded, error) {
	img, err := r.image(ctx, source.Source{Transport: source.Docker, Ref: f.ref.String()}, f.ref, nil)
	if err != nil {
		return nil, err
	}
	return loadFrom(ctx, img)
}

// set makes the registry forget what it was asked for.
func (f *faultyRegistry) set(fault fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.requests = fault, map[string]int{}
}

// asked is how often the layer was asked for.
func (f *faultyRegistry) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests["GET /v2/os/blobs/"+f.digest.String()]
}

// serve sends a part of the layer as if all were to come.
func (f *faultyRegistry) serve(w http.ResponseWriter, part []byte) {
	w.Header().Set("Content-Length", fmt.Sprint(len(f.layer)))
	_, _ = w.Write(part)
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

func isManifest(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/") }

// status answers so to the first requests for what is chosen.
func status(code, times int, chosen func(*http.Request) bool) fault {
	return func(w http.ResponseWriter, r *http.Request, n int) bool {
		if !chosen(r) || n > times {
			return false
		}
		http.Error(w, "fault", code)
		return true
	}
}

const always = 1 << 30

// TestRegistryFaults: what is tried again gives the image, and all else an error.
func TestRegistryFaults(t *testing.T) {
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	want, err := f.load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	short := "sha256:" + f.digest.Hex[:12]
	isLayer := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, f.digest.String()) }
	// serve answers with so many bytes of some content, of which it says to have size.
	serve := func(w http.ResponseWriter, content []byte, size int, then func()) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = w.Write(content)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		then()
	}
	abort := func() { panic(http.ErrAbortHandler) }
	hang := func() { time.Sleep(3 * testIdle) }
	other := append([]byte("other"), f.layer[5:]...)
	for _, c := range []struct {
		name  string
		fault fault
		// The number of requests for the layer, and the error.
		layers int
		want   string
	}{
		{"manifest 503 twice", status(503, 2, isManifest), 1, ""},
		{"layer 503 twice", status(503, 2, isLayer), 3, ""},
		{"layer 429 twice", status(429, 2, isLayer), 3, ""},
		{"layer 500, 502, 504", func(w http.ResponseWriter, r *http.Request, n int) bool {
			return status([]int{500, 502, 504}[n%3], 2, isLayer)(w, r, n)
		}, 3, ""},
		{"layer 503", status(503, always, isLayer), 3, "layer 1 (" + short + "): the registry has a fault (503 Service Unavailable), also when asked again: try again later"},
		{"manifest 500", status(500, always, isManifest), 0, "docker://" + f.ref.String() + ": the registry has a fault (500 Internal Server Error)"},
		{"manifest 429", status(429, always, isManifest), 0, "the registry takes no more requests for now (429 Too Many Requests): try again later, or log in"},
		{"manifest 401", status(401, always, isManifest), 0, "the registry wants other credentials (401 Unauthorized), or has no such image: podman login 127.0.0.1"},
		{"manifest 403", status(403, always, isManifest), 0, "the registry does not let this user read the image (403 Forbidden): podman login"},
		{"manifest 404", status(404, always, isManifest), 0, "the registry has no such image (404 Not Found): look at the name and tag"},
		{"layer 404", status(404, always, isLayer), 1, "layer 1 (" + short + "): the registry has no such blob " + f.digest.String()},
		{"layer 403", status(403, always, isLayer), 1, "layer 1 (" + short + "): the registry does not let this user read the blob"},
		{"layer breaks off twice", func(w http.ResponseWriter, r *http.Request, n int) bool {
			if !isLayer(r) || n > 2 {
				return false
			}
			serve(w, f.layer[:n*50000], len(f.layer), abort)
			return true
		}, 3, ""},
		{"layer breaks off, and earlier the second time", func(w http.ResponseWriter, r *http.Request, n int) bool {
			if !isLayer(r) || n > 2 {
				return false
			}
			serve(w, f.layer[:100000/n/n], len(f.layer), abort)
			return true
		}, 3, ""},
		{"layer breaks off", func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if isLayer(r) {
				serve(w, f.layer[:50000], len(f.layer), abort)
			}
			return isLayer(r)
		}, 3, fmt.Sprintf("layer 1 (%v): the registry sent 50000 of %d bytes of the blob %v, and no more when asked again", short, len(f.layer), f.digest)},
		{"layer is short", func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if isLayer(r) {
				serve(w, f.layer[:50000], 50000, func() {})
			}
			return isLayer(r)
		}, 3, "the registry sent 50000 of"},
		{"layer is long", func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if isLayer(r) {
				serve(w, append(f.layer, "more"...), len(f.layer)+4, func() {})
			}
			return isLayer(r)
		}, 1, "has more than the"},
		{"layer is another", func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if isLayer(r) {
				serve(w, other, len(other), func() {})
			}
			return isLayer(r)
		}, 1, "the blob is damaged: it should be " + f.digest.String() + " and is " + blobs.Digest(other).String()},
		{"layer stalls once", func(w http.ResponseWriter, r *http.Request, n int) bool {
			if !isLayer(r) || n > 1 {
				return false
			}
			serve(w, f.layer[:50000], len(f.layer), hang)
			return true
		}, 2, ""},
		{"layer stalls", func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if isLayer(r) {
				serve(w, f.layer[:50000], len(f.layer), hang)
			}
			return isLayer(r)
		}, 3, "and no more when asked again: the registry sent nothing for 300ms"},
		{"manifest stalls once", func(_ http.ResponseWriter, r *http.Request, n int) bool {
			if isManifest(r) && n == 1 {
				hang()
			}
			return false
		}, 1, ""},
		{"manifest stalls", func(_ http.ResponseWriter, r *http.Request, _ int) bool {
			if isManifest(r) {
				hang()
			}
			return false
		}, 0, "cannot be reached: the registry sent nothing for 300ms"},
		{"manifest is HTML", func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if isManifest(r) {
				w.Header().Set("Content-Type", "text/html")
				serve(w, []byte("<html>login</html>"), 18, func() {})
			}
			return isManifest(r)
		}, 0, " answers with a web page: it may be no registry"},
		{"manifest is endless", func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if isManifest(r) {
				w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
				for range 200 {
					if _, err := w.Write(make([]byte, 1<<20)); err != nil {
						break
					}
				}
			}
			return isManifest(r)
		}, 0, "sends a manifest or config of more than 16777216 bytes"},
		{"redirects in circles", func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if isLayer(r) {
				http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
			}
			return isLayer(r)
		}, 11, "redirects more than 10 times"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.set(c.fault)
			got, err := f.load(t.Context())
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "" && trees.Text(got.Tree) != trees.Text(want.Tree):
				t.Errorf("got\n%swant\n%s", trees.Text(got.Tree), trees.Text(want.Tree))
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v\nwant  %s", err, c.want)
			}
			if got := f.asked(); got != c.layers {
				t.Errorf("%d requests for the layer, want %d", got, c.layers)
			}
		})
	}
}

// TestRegistryRedirect: a blob may be elsewhere, and credentials stay here.
func TestRegistryRedirect(t *testing.T) {
	var requests []*http.Request
	var layer []byte
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r)
		_, _ = w.Write(layer)
	}))
	defer elsewhere.Close()
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	layer = f.layer
	registries.WriteAuth(t, "DOCKER_CONFIG/config.json", f.ref.Context().RegistryStr())
	f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if _, password, _ := r.BasicAuth(); password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		if strings.HasSuffix(r.URL.Path, f.digest.String()) {
			http.Redirect(w, r, elsewhere.URL+"/blob", http.StatusTemporaryRedirect)
			return true
		}
		return false
	}
	if _, err := f.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(requests) != 1 || requests[0].Header.Get("Authorization") != "" {
		t.Errorf("%d requests, of which the first has %v", len(requests), requests[0].Header)
	}
}

func TestRedirectAwayFromTLS(t *testing.T) {
	parse := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for _, c := range []struct {
		from, to string
		refused  bool
	}{
		{"https://a.example/x", "https://b.example/x", false},
		{"https://a.example/x", "http://b.example/x", true},
		{"http://localhost/x", "https://b.example/x", false},
	} {
		first := &http.Request{URL: parse(c.from)}
		second := &http.Request{URL: parse(c.to), Response: &http.Response{Request: first}}
		if err := checkRedirects(second); (err != nil) != c.refused {
			t.Errorf("%s to %s: error %v", c.from, c.to, err)
		}
	}
}

// TestRedirectFromTLSServer: who answers without TLS is not even asked.
func TestRedirectFromTLSServer(t *testing.T) {
	asked := 0
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer plain.Close()
	server := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	client := http.Client{Transport: retryTransport{boundedTransport{server.Client().Transport}, time.Millisecond}}
	_, err := client.Get(server.URL)
	want := strings.TrimPrefix(server.URL, "https://") + " redirects to " + strings.TrimPrefix(plain.URL, "http://") + " without TLS"
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	plain.Close()
	if asked != 0 {
		t.Errorf("asked %d times", asked)
	}
}

// TestRegistryForeignLayer: nobody is contacted whom an image names.
func TestRegistryForeignLayer(t *testing.T) {
	contacted := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { contacted = true }))
	defer elsewhere.Close()
	f := newFaultyRegistry(t, types.OCIUncompressedRestrictedLayer, elsewhere.URL+"/layer")
	if _, err := f.load(t.Context()); err != nil {
		t.Error(err)
	}
	f.fault = status(404, always, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, f.digest.String()) })
	if _, err := f.load(t.Context()); err == nil || !strings.Contains(err.Error(), "the registry has no such blob") {
		t.Errorf("error %v", err)
	}
	if contacted {
		t.Error("the urls of a layer were followed")
	}
}

// TestRegistryToken: a token that expires between two requests is replaced.
func TestRegistryToken(t *testing.T) {
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	valid := 0
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		if r.URL.Path == "/token" {
			valid++
			fmt.Fprintf(w, `{"token":"t%d"}`, valid)
			return true
		}
		if strings.HasSuffix(r.URL.Path, f.digest.String()) && n == 1 {
			valid++
		}
		if r.Header.Get("Authorization") != fmt.Sprintf("Bearer t%d", valid) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="test"`, f.server.URL))
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		return false
	}
	if _, err := f.load(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRegistryCancelled(t *testing.T) {
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	ctx, cancel := context.WithCancel(t.Context())
	f.fault = func(http.ResponseWriter, *http.Request, int) bool { cancel(); return false }
	if _, err := f.load(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestTimeout: a registry that sends byte by byte is no idle one.
func TestTimeout(t *testing.T) {
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !strings.HasSuffix(r.URL.Path, f.digest.String()) {
			return false
		}
		for i := range f.layer {
			if _, err := w.Write(f.layer[i : i+1]); err != nil || http.NewResponseController(w).Flush() != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		return true
	}
	source := source.Source{Transport: source.Docker, Ref: f.ref.String()}
	_, err := limits.InTime(t.Context(), 200*time.Millisecond, source.String()+" could not be read", f.load)
	if want := source.String() + " could not be read in 200ms"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
