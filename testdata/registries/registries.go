// Package registries serves images to tests, as registries do.
package registries

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
)

// Loopback wants the user "me" with the password "secret".
func Loopback(t *testing.T, tamper func(http.Handler) http.Handler) string {
	t.Helper()
	handler := tamper(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func Untouched(h http.Handler) http.Handler { return h }

func Random(t *testing.T, layers int64) v1.Image {
	t.Helper()
	img, err := random.Image(1000, layers)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func PushOptions() remote.Option {
	return remote.WithAuth(&authn.Basic{Username: "me", Password: "secret"})
}

// WriteAuth puts credentials where docker or podman has them, and hides those
// of the machine.
func WriteAuth(t *testing.T, file, host string) {
	t.Helper()
	home := t.TempDir()
	for _, key := range []string{"HOME", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"} {
		t.Setenv(key, filepath.Join(home, key))
	}
	t.Setenv("REGISTRY_AUTH_FILE", "")
	// "me:secret" in base64.
	content := fmt.Sprintf(`{"auths":{%q:{"auth":"bWU6c2VjcmV0"}}}`, host)
	files.Write(t, filepath.Join(home, file), []byte(content))
}

// Served is an image of a layer, of which the parts can be changed before
// they are served; digests and sizes are those of the changed ones.
type Served struct {
	Config, Manifest []byte
	Index            []byte // if not nil, in place of the manifest
	Layer            []byte
	Requests         atomic.Int32 // for the layer
}

func New(t *testing.T, changeManifest func(m map[string]any)) *Served {
	t.Helper()
	s := &Served{Layer: layers.Tar("d a\nf a/b =x")}
	s.Config = blobs.JSON(t, map[string]any{"os": "linux", "architecture": "amd64",
		"rootfs": map[string]any{"type": "layers", "diff_ids": []any{blobs.Digest(s.Layer).String()}}})
	m := map[string]any{"schemaVersion": 2, "mediaType": types.OCIManifestSchema1,
		"config": blobs.Descriptor(types.OCIConfigJSON, blobs.Digest(s.Config).String(), len(s.Config)),
		"layers": []any{blobs.Descriptor(types.OCIUncompressedLayer, blobs.Digest(s.Layer).String(), len(s.Layer))}}
	changeManifest(m)
	s.Manifest = blobs.JSON(t, m)
	return s
}

func Unchanged(map[string]any) {}

// Serve is a registry of this image alone, asked through a fault.
func (s *Served) Serve(t *testing.T, fault func(w http.ResponseWriter, r *http.Request) bool) name.Tag {
	t.Helper()
	WriteAuth(t, "DOCKER_CONFIG/config.json", "elsewhere.example")
	manifest, config, layer := blobs.Digest(s.Manifest).String(), blobs.Digest(s.Config).String(), blobs.Digest(s.Layer).String()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, last, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/os/"), "/")
		if fault(w, r) {
			return
		}
		switch {
		case last == "v1" && s.Index != nil:
			w.Header().Set("Content-Type", string(types.OCIImageIndex))
			_, _ = w.Write(s.Index)
		case last == "v1", last == manifest:
			w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
			_, _ = w.Write(s.Manifest)
		case last == config:
			_, _ = w.Write(s.Config)
		case last == layer:
			s.Requests.Add(1)
			_, _ = w.Write(s.Layer)
		case r.URL.Path != "/v2/":
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	ref, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/os:v1")
	if err != nil {
		t.Fatal(err)
	}
	return ref
}
