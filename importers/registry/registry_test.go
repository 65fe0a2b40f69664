package registry

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"cfsverify/importers/source"
	"cfsverify/testdata/registries"
)

func loadRegistry(t *testing.T, ref string, platform *v1.Platform) (*loaded, error) {
	t.Helper()
	s, err := source.Parse("docker://" + ref)
	if err != nil {
		t.Fatal(err)
	}
	img, err := Open(t.Context(), s, platform)
	if err != nil {
		return nil, err
	}
	return loadFrom(t.Context(), img)
}

func TestRegistryCredentials(t *testing.T) {
	for _, file := range []string{"DOCKER_CONFIG/config.json", "XDG_RUNTIME_DIR/containers/auth.json"} {
		t.Run(file, func(t *testing.T) {
			host := registries.Loopback(t, registries.Untouched)
			img := registries.Random(t, 3)
			ref, err := name.ParseReference(host + "/os:v1")
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(ref, img, registries.PushOptions()); err != nil {
				t.Fatal(err)
			}
			registries.WriteAuth(t, file, "elsewhere.example")
			if _, err := loadRegistry(t, ref.String(), nil); err == nil || !strings.Contains(err.Error(), "UNAUTHORIZED") {
				t.Errorf("without credentials: error %v", err)
			}
			registries.WriteAuth(t, file, host)
			imported, err := loadRegistry(t, ref.String(), nil)
			if err != nil {
				t.Fatal(err)
			}
			config, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if len(imported.Layers) != 3 {
				t.Fatalf("%d layers, want 3", len(imported.Layers))
			}
			for i, layer := range imported.Layers {
				if want := config.RootFS.DiffIDs[i].String(); layer.DiffID != want || layer.Index != i+1 {
					t.Errorf("layer %d: %+v, want diffID %s", i+1, layer, want)
				}
			}
			digest, err := img.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := loadRegistry(t, host+"/os@"+digest.String(), nil); err != nil {
				t.Errorf("by digest: %v", err)
			}
			if _, err := loadRegistry(t, host+"/os:v2", nil); err == nil || !strings.Contains(err.Error(), "MANIFEST_UNKNOWN") {
				t.Errorf("an absent tag: error %v", err)
			}
		})
	}
}

func TestRegistryPlatform(t *testing.T) {
	host := registries.Loopback(t, registries.Untouched)
	registries.WriteAuth(t, "DOCKER_CONFIG/config.json", host)
	index := mutate.IndexMediaType(empty.Index, "application/vnd.docker.distribution.manifest.list.v2+json")
	for layers, arch := range []string{1: "s390x", 2: "arm64"} {
		if arch != "" {
			index = mutate.AppendManifests(index, mutate.IndexAddendum{
				Add: registries.Random(t, int64(layers)), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
			})
		}
	}
	ref, err := name.ParseReference(host + "/os:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index, registries.PushOptions()); err != nil {
		t.Fatal(err)
	}
	for layers, arch := range []string{1: "s390x", 2: "arm64"} {
		if arch == "" {
			continue
		}
		imported, err := loadRegistry(t, ref.String(), &v1.Platform{OS: "linux", Architecture: arch})
		if err != nil {
			t.Fatal(err)
		}
		if len(imported.Layers) != layers {
			t.Errorf("%s: %d layers, want %d", arch, len(imported.Layers), layers)
		}
	}
	_, err = loadRegistry(t, ref.String(), &v1.Platform{OS: "linux", Architecture: "riscv64"})
	if err == nil || !strings.Contains(err.Error(), "there are linux/s390x, linux/arm64") {
		t.Errorf("an absent platform: error %v", err)
	}
}

// A registry that serves other bytes than it should is found out.
func TestRegistryServesOtherBlob(t *testing.T) {
	img := registries.Random(t, 1)
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	size, err := layers[0].Size()
	if err != nil {
		t.Fatal(err)
	}
	served := false
	host := registries.Loopback(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, digest.String()) {
				served = true
				if _, err := io.WriteString(w, strings.Repeat("x", int(size))); err != nil {
					t.Error(err)
				}
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	registries.WriteAuth(t, "DOCKER_CONFIG/config.json", host)
	ref, err := name.ParseReference(host + "/os:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img, registries.PushOptions()); err != nil {
		t.Fatal(err)
	}
	if _, err := loadRegistry(t, ref.String(), nil); err == nil || !strings.Contains(err.Error(), "layer 1") || !strings.Contains(err.Error(), "the blob is damaged") || !served {
		t.Errorf("error %v, blob served: %v", err, served)
	}
}
