package registry

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/testdata/blobs"
	"cfsverify/testdata/registries"
)

func loadServed(t *testing.T, ref name.Reference) (*loaded, error) {
	t.Helper()
	return (&faultyRegistry{ref: ref}).load(t.Context())
}

// endless sends zeros until nobody reads them, and counts them.
func endless(sent *atomic.Int64, size int) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
		if size > 0 {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		for sent.Load() < 100<<20 {
			n, err := w.Write(make([]byte, 1<<20))
			sent.Add(int64(n))
			if err != nil {
				break
			}
		}
	}
}

// TestRegistryMetadataSize: manifests, indexes and configs that are too long are
// given up, whether or not the registry says so first.
func TestRegistryMetadataSize(t *testing.T) {
	for _, size := range []int{0, 100 << 20} {
		for _, what := range []string{"manifest", "manifest of an index", "config"} {
			t.Run(fmt.Sprint(what, " ", size), func(t *testing.T) {
				// A size of -1 is none for the library.
				s := registries.New(t, func(m map[string]any) { m["config"].(map[string]any)["size"] = -1 })
				path := map[string]string{"manifest": "/manifests/v1", "manifest of an index": "/manifests/sha256:", "config": "/blobs/" + blobs.Digest(s.Config).String()}[what]
				if what == "manifest of an index" {
					s.Index = blobs.JSON(t, map[string]any{"schemaVersion": 2, "mediaType": types.OCIImageIndex,
						"manifests": []any{blobs.Descriptor(types.OCIManifestSchema1, blobs.Digest(s.Manifest).String(), len(s.Manifest))}})
				}
				var sent atomic.Int64
				var asked atomic.Int32
				ref := s.Serve(t, func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.Contains(r.URL.Path, path) {
						return false
					}
					asked.Add(1)
					endless(&sent, size)(w)
					return true
				})
				_, err := loadServed(t, ref)
				want := ref.RegistryStr() + " sends a manifest or config of more than 16777216 bytes"
				if err == nil || !strings.HasSuffix(err.Error(), want) {
					t.Errorf("error %v, want %s", err, want)
				}
				if asked.Load() != 1 {
					t.Errorf("asked %d times", asked.Load())
				}
				// Both ends of the connection have buffers of a few MiB.
				most := int64(40 << 20)
				if size > 0 {
					most = 15 << 20
				}
				if sent.Load() > most {
					t.Errorf("%d bytes were read", sent.Load())
				}
			})
		}
	}
}

// TestRegistryMetadata: no manifest or config but the right one leads to layers.
func TestRegistryMetadata(t *testing.T) {
	plain := registries.New(t, registries.Unchanged)
	for _, c := range []struct {
		name string
		// other is served in place of what the path has; digest asks by digest.
		path   string
		other  []byte
		digest bool
		want   string
	}{
		{"as it is", "/never", nil, false, ""},
		{"by digest", "/never", nil, true, ""},
		{"other manifest", "/manifests/", append([]byte(" "), plain.Manifest...), true, "does not match requested digest"},
		{"shorter manifest", "/manifests/", plain.Manifest[:100], true, "does not match requested digest"},
		{"manifest that is no JSON", "/manifests/", []byte("<html>"), false, " is not valid: invalid character '<' at start of value, at byte 0"},
		{"other config", "/blobs/" + blobs.Digest(plain.Config).String(), append([]byte("["), plain.Config[1:]...), false, "error verifying sha256 checksum"},
		{"longer config", "/blobs/" + blobs.Digest(plain.Config).String(), append(plain.Config, ' '), false, "error verifying sha256 checksum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := registries.New(t, registries.Unchanged)
			tag := s.Serve(t, func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, c.path) {
					return false
				}
				w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
				_, _ = w.Write(c.other)
				return true
			})
			var ref name.Reference = tag
			if c.digest {
				ref = tag.Context().Digest(blobs.Digest(s.Manifest).String())
			}
			_, err := loadServed(t, ref)
			if c.want == "" {
				if err != nil || s.Requests.Load() != 1 {
					t.Errorf("%d requests for the layer, error %v", s.Requests.Load(), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if s.Requests.Load() != 0 {
				t.Error("the layer was asked for")
			}
		})
	}
}

// TestRegistryMetadataBreaksOff: it is asked for again.
func TestRegistryMetadataBreaksOff(t *testing.T) {
	for _, path := range []string{"/manifests/", "/blobs/"} {
		s := registries.New(t, registries.Unchanged)
		asked := map[string]int{}
		ref := s.Serve(t, func(w http.ResponseWriter, r *http.Request) bool {
			asked[r.URL.Path]++
			if !strings.Contains(r.URL.Path, path) || strings.HasSuffix(r.URL.Path, blobs.Digest(s.Layer).String()) || asked[r.URL.Path] > 2 {
				return false
			}
			w.Header().Set("Content-Length", "400")
			w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
			_, _ = io.WriteString(w, "{")
			return true
		})
		if _, err := loadServed(t, ref); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestRegistryKinds: a registry's Content-Type, the descriptor of an index and the
// document itself agree on what it is, or the image is refused.
func TestRegistryKinds(t *testing.T) {
	const oci, docker, index, list = string(types.OCIManifestSchema1), string(types.DockerManifestSchema2), string(types.OCIImageIndex), string(types.DockerManifestList)
	plain := registries.New(t, registries.Unchanged)
	manifest := string(plain.Manifest)
	untyped := strings.Replace(manifest, `"mediaType":"`+oci+`",`, "", 1)
	both := func(doc string) string { return strings.TrimSuffix(doc, "}") + `,"manifests":[]}` }
	for _, c := range []struct {
		name string
		// sent is the Content-Type of the manifest, listed its type in an index, if there
		// is one.
		manifest, sent, listed string
		want                   string
	}{
		{"agreed", manifest, oci, "", ""},
		{"agreed below an index", manifest, oci, oci, ""},
		{"nothing said", untyped, docker, "", ""},
		{"nothing said below an index", untyped, docker, docker, ""},
		{"sent as no manifest", manifest, "text/plain; charset=utf-8", oci, ""},
		{"sent as Docker's", manifest, docker, "", `member "/mediaType" is "` + oci + `", while what leads to the document says "` + docker + `"`},
		{"sent as an index", manifest, index, "", `member "/config" does not belong to an image index`},
		{"sent as a list", manifest, list, "", `member "/config" does not belong to an image index`},
		{"an index sent as a manifest", `{"mediaType":"` + index + `","manifests":[]}`, oci, "", `member "/manifests" does not belong to an image manifest`},
		{"both, as a manifest", both(untyped), oci, "", `member "/manifests" does not belong to an image manifest`},
		{"both, as an index", both(untyped), index, "", `member "/config" does not belong to an image index`},
		{"listed as Docker's", manifest, docker, docker, `member "/mediaType" is "` + oci + `", while what leads to the document says "` + docker + `"`},
		{"listed as Docker's, sent as OCI's", untyped, oci, docker, `as "` + oci + `", its descriptor says "` + docker + `": readers differ about which counts`},
		{"listed as a manifest, sent as an index", both(untyped), index, oci, `as "` + index + `", its descriptor says "` + oci + `": readers differ about which counts`},
		{"sent as of the first schema", manifest, string(types.DockerManifestSchema1), oci, `as "` + string(types.DockerManifestSchema1) + `", its descriptor says "` + oci + `"`},
		{"in another case", strings.Replace(manifest, `"layers"`, `"Layers"`, 1), oci, "", `member "/Layers" is "layers" in another case`},
		{"in another case below an index", strings.Replace(manifest, `"layers"`, `"Layers"`, 1), oci, oci, `member "/Layers" is "layers" in another case`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := registries.New(t, registries.Unchanged)
			s.Manifest = []byte(c.manifest)
			if c.listed != "" {
				s.Index = blobs.JSON(t, map[string]any{"manifests": []any{blobs.Descriptor(types.MediaType(c.listed), blobs.Digest(s.Manifest).String(), len(s.Manifest))}})
			}
			ref := s.Serve(t, func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") || c.listed != "" && strings.HasSuffix(r.URL.Path, "/v1") {
					return false
				}
				w.Header().Set("Content-Type", c.sent)
				_, _ = w.Write(s.Manifest)
				return true
			})
			_, err := loadServed(t, ref)
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), blobs.Digest(s.Manifest).String())) {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if err != nil && s.Requests.Load() != 0 {
				t.Error("the layer was asked for")
			}
		})
	}
}

// TestRegistryInline: documents that a descriptor holds are not asked for, and are verified.
func TestRegistryInline(t *testing.T) {
	for _, damaged := range []string{"", "manifest", "config"} {
		t.Run(damaged, func(t *testing.T) {
			data := func(what string, raw []byte) []byte {
				if what == damaged {
					return append([]byte(" "), raw[1:]...)
				}
				return raw
			}
			s := registries.New(t, registries.Unchanged)
			config := blobs.Descriptor(types.OCIConfigJSON, blobs.Digest(s.Config).String(), len(s.Config))
			config["data"] = data("config", s.Config)
			s = registries.New(t, func(m map[string]any) { m["config"] = config })
			manifest := blobs.Descriptor(types.OCIManifestSchema1, blobs.Digest(s.Manifest).String(), len(s.Manifest))
			manifest["data"] = data("manifest", s.Manifest)
			s.Index = blobs.JSON(t, map[string]any{"manifests": []any{manifest}})
			ref := s.Serve(t, func(w http.ResponseWriter, r *http.Request) bool {
				for _, raw := range [][]byte{s.Manifest, s.Config} {
					if strings.HasSuffix(r.URL.Path, blobs.Digest(raw).String()) {
						t.Errorf("%s is asked for", r.URL.Path)
					}
				}
				return false
			})
			_, err := loadServed(t, ref)
			if (err == nil) != (damaged == "") || err != nil && !strings.Contains(err.Error(), "the "+damaged+" sha256:") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestRegistryManyValues: what would cost memory for each of many values is refused before
// anything keeps them.
func TestRegistryManyValues(t *testing.T) {
	s := registries.New(t, registries.Unchanged)
	s.Manifest = []byte(`{"layers":[` + strings.Repeat("{},", 4<<20) + "{}]}")
	asked := 0
	ref := s.Serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/manifests/v1") {
			asked++
		}
		return false
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := loadServed(t, ref)
	runtime.ReadMemStats(&after)
	if want := ref.RegistryStr() + " sends a manifest or config that cannot be read: it has more than 524288 values"; err == nil || !strings.HasSuffix(err.Error(), want) || asked != 1 {
		t.Errorf("asked %d times, error %v, want %s", asked, err, want)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 256<<20 {
		t.Errorf("%d bytes of memory were used", used)
	}
}
