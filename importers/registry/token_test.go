package registry

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/testdata/registries"
)

// tokens makes a registry want bearer tokens, which it gives to the user "me".
type tokens struct {
	f *faultyRegistry

	mu    sync.Mutex
	valid int
	count int
}

func newTokens(f *faultyRegistry) *tokens { return &tokens{f: f} }

func (k *tokens) expire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.valid++
}

func (k *tokens) given() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.count
}

// answer says whether it has answered.
func (k *tokens) answer(w http.ResponseWriter, r *http.Request) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if user, password, _ := r.BasicAuth(); r.URL.Path == "/token" && user == "me" && password == "secret" {
		k.count++
		fmt.Fprintf(w, `{"token":"t%d"}`, k.valid)
		return true
	}
	if r.Header.Get("Authorization") == fmt.Sprintf("Bearer t%d", k.valid) {
		return false
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="test"`, k.f.server.URL))
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

// TestRegistryTokenServer: what the server of tokens may answer, to the first
// request and to one amid the layers.
func TestRegistryTokenServer(t *testing.T) {
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	registries.WriteAuth(t, "DOCKER_CONFIG/config.json", f.ref.Context().RegistryStr())
	for _, c := range []struct {
		name  string
		fault func(w http.ResponseWriter, n int) bool
		want  string
	}{
		{"503 once", func(w http.ResponseWriter, n int) bool {
			if n == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n == 1
		}, ""},
		{"breaks off once", func(w http.ResponseWriter, n int) bool {
			if n == 1 {
				f.serve(w, []byte(`{"tok`))
				panic(http.ErrAbortHandler)
			}
			return false
		}, ""},
		{"a web page", func(w http.ResponseWriter, _ int) bool {
			fmt.Fprint(w, "<html>\x1b[31m")
			return true
		}, "what gives tokens for " + f.ref.Context().RegistryStr() + " answers what is no JSON"},
		{"no token", func(w http.ResponseWriter, _ int) bool {
			fmt.Fprint(w, "{\"other\":\n\"private\"}")
			return true
		}, "no token in bearer response"},
		{"403", func(w http.ResponseWriter, _ int) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		}, "the registry does not let this user read"},
	} {
		for _, amid := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, " ", amid), func(t *testing.T) {
				token := newTokens(f)
				faulty := 0
				f.set(func(w http.ResponseWriter, r *http.Request, n int) bool {
					if amid && n == 1 && strings.HasSuffix(r.URL.Path, f.digest.String()) {
						token.expire()
					}
					if r.URL.Path == "/token" && (!amid || token.given() > 0) {
						if faulty++; c.fault(w, faulty) {
							return true
						}
					}
					return token.answer(w, r)
				})
				_, err := f.load(t.Context())
				switch {
				case faulty == 0:
					t.Error("no token was asked for")
				case c.want == "" && err != nil:
					t.Error(err)
				case c.want != "" && err == nil:
					t.Errorf("no error, want %s", c.want)
				case c.want != "" && !strings.Contains(err.Error(), c.want):
					t.Errorf("error %v\nwant  %s", err, c.want)
				case err != nil && (strings.ContainsAny(err.Error(), "\n\x1b") || strings.Contains(err.Error(), "private")):
					t.Errorf("error %q shows what the server sends", err)
				}
			})
		}
	}
}
