package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/testdata/registries"
	"cfsverify/testdata/trees"
)

const brokenAt = 50000

// TestRegistryResume: the layer breaks off the first time; what then is answered.
func TestRegistryResume(t *testing.T) {
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	want, err := f.load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	size := len(f.layer)
	wantRange := fmt.Sprintf("bytes=%d-%d", brokenAt, size-1)
	rest := f.layer[brokenAt:]
	other := append([]byte("x"), rest[1:]...)
	part := func(w http.ResponseWriter, contentRange string, content []byte) {
		w.Header().Set("Content-Range", contentRange)
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(content)
	}
	right := fmt.Sprintf("bytes %d-%d/%d", brokenAt, size-1, size)
	for _, c := range []struct {
		name string
		// answer is to the second request and, if it is for a range, to all others.
		answer func(w http.ResponseWriter, r *http.Request)
		layers int
		want   string
	}{
		{"the rest", func(w http.ResponseWriter, _ *http.Request) { part(w, right, rest) }, 2, ""},
		{"all of it", func(w http.ResponseWriter, _ *http.Request) { f.serve(w, f.layer) }, 2, ""},
		{"another part", func(w http.ResponseWriter, _ *http.Request) {
			part(w, fmt.Sprintf("bytes 0-%d/%d", brokenAt, size), f.layer[:brokenAt+1])
		}, 3, ""},
		{"a part of something compressed", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			part(w, right, rest)
		}, 3, ""},
		{"no part that is named", func(w http.ResponseWriter, _ *http.Request) { part(w, "", rest) }, 3, ""},
		{"416", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestedRangeNotSatisfiable) }, 3, ""},
		{"503, then all", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, 4,
			"the registry has a fault (503 Service Unavailable), also when asked again"},
		{"other bytes", func(w http.ResponseWriter, _ *http.Request) { part(w, right, other) }, 2, "the blob is damaged: it should be " + f.digest.String()},
		{"404", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, 2, "the registry has no such blob " + f.digest.String()},
		{"too short a rest", func(w http.ResponseWriter, _ *http.Request) { part(w, right, rest[:0]) }, 3,
			fmt.Sprintf("the registry sent %d of %d bytes of the blob %v, and no more when asked again", brokenAt, size, f.digest)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.set(func(w http.ResponseWriter, r *http.Request, n int) bool {
				if !strings.HasSuffix(r.URL.Path, f.digest.String()) {
					if got := r.Header.Get("Range"); got != "" {
						t.Errorf("%s is asked for with Range %q", r.URL.Path, got)
					}
					return false
				}
				got := r.Header.Get("Range")
				switch {
				case n == 1 && got == "":
					f.serve(w, f.layer[:brokenAt])
					panic(http.ErrAbortHandler)
				case n > 2 && got == "":
					return false
				case got != wantRange:
					t.Errorf("request %d has Range %q, want %q", n, got, wantRange)
				}
				c.answer(w, r)
				return true
			})
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

// TestRegistryResumeElsewhere: what breaks off elsewhere is continued there, with
// the address that the registry now gives, and without credentials.
func TestRegistryResumeElsewhere(t *testing.T) {
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	var asked []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery+" "+r.Header.Get("Range"))
		for _, key := range []string{"Authorization", "Cookie"} {
			if got := r.Header.Get(key); got != "" {
				t.Errorf("%s: %s went elsewhere", key, got)
			}
		}
		if len(asked) == 1 {
			f.serve(w, f.layer[:brokenAt])
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(f.layer)))
	}))
	defer elsewhere.Close()
	registries.WriteAuth(t, "DOCKER_CONFIG/config.json", f.ref.Context().RegistryStr())
	// Another name of the host, as that of a CDN is.
	other := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
	token := newTokens(f)
	f.set(func(w http.ResponseWriter, r *http.Request, n int) bool {
		isLayer := strings.HasSuffix(r.URL.Path, f.digest.String())
		if isLayer && n == 2 {
			token.expire()
		}
		if token.answer(w, r) {
			return true
		}
		if isLayer {
			http.Redirect(w, r, fmt.Sprintf("%s/blob?signature=%d", other, n), http.StatusTemporaryRedirect)
		}
		return isLayer
	})
	if _, err := f.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The second request for the layer has the old token.
	want := []string{"signature=1 ", fmt.Sprintf("signature=3 bytes=%d-%d", brokenAt, len(f.layer)-1)}
	if strings.Join(asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	if got := token.given(); got != 2 {
		t.Errorf("%d tokens, want 2", got)
	}
}

// TestRegistryBlobClose: Close ends a Read that waits, and Read stays at its end.
func TestRegistryBlobClose(t *testing.T) {
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	f.set(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		f.serve(w, f.layer[:brokenAt])
		<-r.Context().Done()
		return true
	})
	r, err := openRepository(f.ref.Context(), time.Millisecond, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.openBlob(t.Context(), v1.Descriptor{Digest: f.digest, Size: int64(len(f.layer))})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { b.Close() })
	n, err := io.Copy(io.Discard, b)
	if n != brokenAt || !errors.Is(err, context.Canceled) {
		t.Errorf("%d bytes, error %v", n, err)
	}
	if n, again := b.Read(make([]byte, 10)); n != 0 || again != err {
		t.Errorf("then %d bytes, error %v", n, again)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if got := f.asked(); got != 1 {
		t.Errorf("%d requests for the layer, want 1", got)
	}
}

// TestRegistryBlobCloseUnread: blobs that are closed unread leave room for others,
// of which the library reads only some at a time.
func TestRegistryBlobCloseUnread(t *testing.T) {
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	r, err := openRepository(f.ref.Context(), time.Millisecond, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 20 {
		b, err := r.openBlob(ctx, v1.Descriptor{Digest: f.digest, Size: int64(len(f.layer))})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}
