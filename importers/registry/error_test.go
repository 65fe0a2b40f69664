package registry

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"cfsverify/testdata/blobs"
	"cfsverify/testdata/registries"
)

// TestRegistryErrorBody: what a registry says besides the status is not shown,
// however long it is, unless it is an error code.
func TestRegistryErrorBody(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{strings.Repeat("<html>", 1<<20), "404 Not Found"},
		{`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"\u001b[31m"}]}`, "MANIFEST_UNKNOWN"},
		{`{"errors":[{"code":"\u001b[31m\nX"}]}`, "404 Not Found"},
		{`{"errors":[{"code":"` + strings.Repeat("X", 41) + `"}]}`, "404 Not Found"},
	} {
		ref := registries.New(t, registries.Unchanged).Serve(t, func(w http.ResponseWriter, r *http.Request) bool {
			if isManifest(r) {
				w.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(w, c.body)
			}
			return isManifest(r)
		})
		want := "docker://" + ref.String() + ": the registry has no such image (" + c.want + "): look at the name and tag"
		if _, err := loadServed(t, ref); err == nil || err.Error() != want {
			t.Errorf("error %q\nwant  %q", err, want)
		}
	}
}

// TestRegistryUnreachable: who cannot be reached, and why.
func TestRegistryUnreachable(t *testing.T) {
	plain := registries.New(t, registries.Unchanged)
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	elsewhere := strings.TrimPrefix(away.URL, "http://")
	for _, c := range []struct {
		name string
		ref  func() name.Reference
		want string
	}{
		{"nobody listens", func() name.Reference {
			return mustParse(t, elsewhere+"/os:v1")
		}, elsewhere + " cannot be reached: dial tcp " + elsewhere + ": connect: connection refused"},
		{"blobs are where nobody listens", func() name.Reference {
			return plain.Serve(t, func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, blobs.Digest(plain.Layer).String()) {
					http.Redirect(w, r, away.URL, http.StatusTemporaryRedirect)
					return true
				}
				return false
			})
		}, elsewhere + " cannot be reached: dial tcp " + elsewhere + ": connect: connection refused"},
		{"certificate of nobody", func() name.Reference {
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			t.Cleanup(server.Close)
			return mustParse(t, strings.TrimPrefix(server.URL, "https://")+"/os:v1")
		}, " has a certificate that is not trusted: x509: certificate signed by unknown authority: add its CA"},
		{"a web page", func() name.Reference {
			return plain.Serve(t, func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = io.WriteString(w, "<html>")
				return true
			})
		}, " answers with a web page: it may be no registry, or want a login to the network"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := loadServed(t, c.ref())
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v\nwant  %s", err, c.want)
			}
		})
	}
}

func mustParse(t *testing.T, ref string) name.Reference {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
