package registry

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/seal"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/registries"
)

// listingRegistry is one of an image and artifacts, whose lists a test writes.
type listingRegistry struct {
	ref       name.Tag
	image     v1.Hash
	artifacts []v1.Descriptor

	mu sync.Mutex
	// asked are the requests for lists and artifacts, in their order.
	asked []string
	list  func(w http.ResponseWriter, r *http.Request)
	gone  string
}

const (
	referrersPath = "/v2/os/referrers/"
	// mergedAnnotation is one of an annotation.
	mergedAnnotation = "composefs.merged.erofs.v1.fsverity-sha512-12"
)

func newListingRegistry(t *testing.T, artifacts int) *listingRegistry {
	t.Helper()
	served := registries.New(t, registries.Unchanged)
	l := &listingRegistry{image: blobs.Digest(served.Manifest)}
	held := map[string][]byte{}
	put := func(mediaType types.MediaType, data []byte) v1.Descriptor {
		d := v1.Descriptor{MediaType: mediaType, Digest: blobs.Digest(data), Size: int64(len(data))}
		held[d.Digest.String()] = data
		return d
	}
	subject := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: l.image, Size: int64(len(served.Manifest))}
	for i := range artifacts {
		layer := put(seal.SignatureType, []byte("der"))
		layer.Annotations = map[string]string{mergedAnnotation: strings.Repeat(fmt.Sprint(i+1), 128)}
		d := put(types.OCIManifestSchema1, blobs.JSON(t, map[string]any{"schemaVersion": 2, "mediaType": types.OCIManifestSchema1, "artifactType": seal.ArtifactType,
			"config": put(types.OCIEmptyJSON, []byte("{}")), "layers": []any{layer}, "subject": subject}))
		d.ArtifactType = seal.ArtifactType
		l.artifacts = append(l.artifacts, d)
	}
	l.ref = served.Serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		last := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		l.mu.Lock()
		defer l.mu.Unlock()
		isList := strings.HasPrefix(r.URL.Path, referrersPath) || last == image.ReferrersTag(l.image)
		if isList || held[last] != nil && strings.Contains(r.URL.Path, "/manifests/") {
			l.asked = append(l.asked, strings.TrimPrefix(r.URL.Path, "/v2/os/")+"?"+r.URL.RawQuery)
		}
		switch {
		case isList:
			l.list(w, r)
		case last == l.gone || held[last] == nil:
			return false
		default:
			w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
			_, _ = w.Write(held[last])
		}
		return true
	})
	return l
}

// index answers with a list of descriptors.
func index(w http.ResponseWriter, mediaType string, listed ...v1.Descriptor) {
	doc, err := document.Marshal(map[string]any{"schemaVersion": 2, "mediaType": types.OCIImageIndex, "manifests": append([]v1.Descriptor{}, listed...)})
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", mediaType)
	_, _ = w.Write(doc)
}

const indexType = string(types.OCIImageIndex)

// load gives the digests that the artifacts say.
func (l *listingRegistry) load(t *testing.T) (string, error) {
	t.Helper()
	r, err := openRepository(l.ref.Context(), 1, idle)
	if err != nil {
		t.Fatal(err)
	}
	artifacts, err := r.artifacts(t.Context(), l.image)
	var said []string
	for _, a := range artifacts {
		blob, err := a.Open(a.Layers[0])
		if err != nil {
			return "", err
		}
		signature, err := io.ReadAll(blob)
		if err := errors.Join(err, blob.Close()); err != nil {
			return "", err
		}
		said = append(said, a.Layers[0].Annotations[mergedAnnotation][:1]+string(signature))
	}
	// They are in the order of their own digests.
	var text string
	for _, digit := range "123456789" {
		for _, s := range said {
			if s[0] == byte(digit) {
				text += s + " "
			}
		}
	}
	return text, err
}

// TestReferrers: the list of a registry, however it comes.
func TestReferrers(t *testing.T) {
	l := newListingRegistry(t, 3)
	isTag := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/") }
	other := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: blobs.Digest([]byte("x")), Size: 1, ArtifactType: "application/x"}
	untyped := func(d v1.Descriptor, artifactType string) v1.Descriptor { d.ArtifactType = artifactType; return d }
	page := func(link string, last ...v1.Descriptor) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("n") == "2" {
				index(w, indexType, last...)
				return
			}
			w.Header().Add("Link", `</v2/os/referrers/x>; rel="prev"`)
			w.Header().Add("Link", strings.NewReplacer("HOST", r.Host, "DIGEST", l.image.String()).Replace(link))
			index(w, indexType, l.artifacts[0])
		}
	}
	answer := func(code int, tagged ...v1.Descriptor) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			switch {
			case !isTag(r):
				http.Error(w, `{"errors":[{"code":"UNSUPPORTED","message":"no"}]}`, code)
			case tagged == nil:
				http.NotFound(w, r)
			default:
				index(w, indexType, tagged...)
			}
		}
	}
	for name, c := range map[string]struct {
		list       func(w http.ResponseWriter, r *http.Request)
		said, want string
	}{
		"plain":  {func(w http.ResponseWriter, _ *http.Request) { index(w, indexType, l.artifacts...) }, "1der 2der 3der ", ""},
		"none":   {func(w http.ResponseWriter, _ *http.Request) { index(w, indexType) }, "", ""},
		"others": {func(w http.ResponseWriter, _ *http.Request) { index(w, indexType, other, l.artifacts[1]) }, "2der ", ""},
		"types left out": {func(w http.ResponseWriter, _ *http.Request) {
			index(w, indexType, untyped(l.artifacts[0], ""), untyped(l.artifacts[1], string(types.OCIEmptyJSON)))
		}, "1der 2der ", ""},
		"twice":               {func(w http.ResponseWriter, _ *http.Request) { index(w, indexType, l.artifacts[0], l.artifacts[0]) }, "1der ", ""},
		"charset":             {func(w http.ResponseWriter, _ *http.Request) { index(w, indexType+"; charset=utf-8", l.artifacts[0]) }, "1der ", ""},
		"type in upper case":  {func(w http.ResponseWriter, _ *http.Request) { index(w, strings.ToUpper(indexType), l.artifacts[0]) }, "1der ", ""},
		"two pages":           {page(`</v2/os/referrers/DIGEST?n=2>; rel="next"`, l.artifacts[1:]...), "1der 2der 3der ", ""},
		"relative link":       {page(`<?n=2>; title="a, <b>; rel=x"; Rel=Next`, l.artifacts[1]), "1der 2der ", ""},
		"absolute link":       {page(`</a>; rel=last, <http://HOST/v2/os/referrers/DIGEST?n=2>; rel="x next"`, l.artifacts[1]), "1der 2der ", ""},
		"link with TLS":       {page(`<https://HOST/v2/os/referrers/DIGEST?n=2>; rel="next"`, l.artifacts[1]), "1der 2der ", ""},
		"no next":             {page(`<?n=2>; rel="nextx", <?n=2>; x=next, ?n=2; rel=next, <?n=2; rel=next`, l.artifacts[1]), "1der ", ""},
		"page elsewhere":      {page(`<http://elsewhere.example/v2/os/referrers/DIGEST?n=2>; rel="next"`), "", `the list of artifacts about the image: its next page is on "elsewhere.example", not on 127.0.0.1`},
		"page elsewhere, too": {page(`<//elsewhere.example/?n=2>; rel="next"`), "", `its next page is on "elsewhere.example"`},
		"no URL":              {page("<%zz>; rel=next"), "", "the link to its next page is no URL"},
		"endless":             {page("<?n=3>; rel=next"), "", "the list of artifacts about the image: it has more than 1000 pages"},
		"404":                 {answer(404), "", ""},
		"404, tagged":         {answer(404, l.artifacts[0], other), "1der ", ""},
		"405":                 {answer(405, l.artifacts[0]), "1der ", ""},
		"501":                 {answer(501, l.artifacts[0]), "1der ", ""},
		"400":                 {answer(400, l.artifacts[0]), "1der ", ""},
		"403":                 {answer(403, l.artifacts[0]), "", "the list of artifacts about the image: the registry does not let this user read the list of artifacts (UNSUPPORTED): podman login"},
		"500":                 {answer(500, l.artifacts[0]), "", "the list of artifacts about the image: the registry has a fault (UNSUPPORTED), also when asked again: try again later"},
		"418":                 {answer(418, l.artifacts[0]), "", "the list of artifacts about the image: the registry answers UNSUPPORTED when it is asked for the list of artifacts: whoever runs it may know why"},
		"tag of another type": {func(w http.ResponseWriter, r *http.Request) {
			answerTag(w, r, isTag(r), string(types.OCIManifestSchema1), "{}")
		}, "", ""},
		"tag is no JSON": {func(w http.ResponseWriter, r *http.Request) { answerTag(w, r, isTag(r), indexType, "x") }, "", "the list of artifacts about the image: it is not valid: invalid character 'x' at start of value"},
		"a web page":     {func(w http.ResponseWriter, r *http.Request) { answerTag(w, r, true, "text/html", "<html>") }, "", ""},
		"no JSON":        {func(w http.ResponseWriter, r *http.Request) { answerTag(w, r, true, indexType, "x") }, "", "the list of artifacts about the image: page 1 is not valid: invalid character 'x' at start of value"},
		"too long": {func(w http.ResponseWriter, r *http.Request) {
			answerTag(w, r, true, indexType, strings.Repeat(" ", document.SizeMax+1))
		}, "", "more than 16777216 bytes"},
		"too long in all":      {long(l), "", "the list of artifacts about the image: it has more than 16777216 bytes"},
		"too many":             {many(false), "", "the list of artifacts about the image: it has more than 1000 that may have seals"},
		"many others":          {many(true), "", ""},
		"page of another type": {func(w http.ResponseWriter, r *http.Request) { otherPage(w, r, l) }, "", "page 2 is of another type than an image index"},
		"wrong size":           {func(w http.ResponseWriter, _ *http.Request) { d := l.artifacts[0]; d.Size = 5; index(w, indexType, d) }, "", "the artifact " + l.artifacts[0].Digest.String() + " has "},
		"not there": {func(w http.ResponseWriter, _ *http.Request) { index(w, indexType, untyped(other, seal.ArtifactType)) }, "",
			"the registry lists the artifact " + other.Digest.String() + " about the image, but does not have it: push it there again, or delete it there"},
	} {
		t.Run(name, func(t *testing.T) {
			l.mu.Lock()
			l.list, l.asked = c.list, nil
			l.mu.Unlock()
			said, err := l.load(t)
			if said != c.said || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("said %q, want %q; error %v\nwant %s", said, c.said, err, c.want)
			}
			// A request that the client gave up may still be answered.
			l.mu.Lock()
			defer l.mu.Unlock()
			first := "referrers/" + l.image.String() + "?" + url.Values{"artifactType": {seal.ArtifactType}}.Encode()
			if len(l.asked) == 0 || l.asked[0] != first {
				t.Errorf("asked for %q, want %s", l.asked, first)
			}
			if len(l.asked) > referrersPagesMax {
				t.Errorf("asked %d times", len(l.asked))
			}
		})
	}
}

func answerTag(w http.ResponseWriter, r *http.Request, yes bool, mediaType, content string) {
	if !yes {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	_, _ = w.Write([]byte(content))
}

// long is a list of many long pages.
func long(l *listingRegistry) func(w http.ResponseWriter, r *http.Request) {
	artifact := l.artifacts[0]
	artifact.Annotations = map[string]string{"long": strings.Repeat("x", document.SizeMax/3)}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "<?n=2>; rel=next")
		index(w, indexType, artifact)
	}
}

// many is a list of more than may be artifacts with seals.
func many(others bool) func(w http.ResponseWriter, r *http.Request) {
	var listed []v1.Descriptor
	for i := range image.ArtifactsMax + 1 {
		d := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: blobs.Digest(fmt.Append(nil, i)), Size: 1}
		if others {
			d.ArtifactType = "application/x"
		}
		listed = append(listed, d)
	}
	return func(w http.ResponseWriter, _ *http.Request) { index(w, indexType, listed...) }
}

func otherPage(w http.ResponseWriter, r *http.Request, l *listingRegistry) {
	if r.URL.Query().Get("n") == "2" {
		answerTag(w, r, true, "text/html", "<html>")
		return
	}
	w.Header().Set("Link", "<?n=2>; rel=next")
	index(w, indexType, l.artifacts[0])
}

// TestReferrersAgain: a list is asked for as all else is.
func TestReferrersAgain(t *testing.T) {
	l := newListingRegistry(t, 1)
	n := 0
	l.list = func(w http.ResponseWriter, r *http.Request) {
		if n++; n < 3 {
			http.Error(w, "fault", http.StatusServiceUnavailable)
			return
		}
		if r.UserAgent() == "" || !strings.HasPrefix(r.UserAgent(), "cfsverify") || r.Header.Get("Accept") != indexType {
			t.Errorf("headers %v", r.Header)
		}
		index(w, indexType, l.artifacts[0])
	}
	if said, err := l.load(t); said != "1der " || err != nil {
		t.Errorf("%q, %v", said, err)
	}
}

// TestReferrersPageScheme: a page is asked for with TLS if the one before was, and
// nobody's password goes with it.
func TestReferrersPageScheme(t *testing.T) {
	at := &url.URL{Scheme: "https", Host: "a.example", Path: "/v2/os/referrers/x"}
	next, err := (&referrersPage{at: at, link: "http://me:secret@a.example/y"}).next()
	if err != nil || next.String() != "https://a.example/y" {
		t.Errorf("%v, %v", next, err)
	}
}

// TestReferrersRedirects: a list may be elsewhere, but not in the local network.
func TestReferrersRedirects(t *testing.T) {
	for to, refused := range map[string]bool{"http://10.0.0.1/x": true, "http://[fe80::1]/x": true, "http://169.254.169.254/": true, "http://127.0.0.2/": true, "http://a.example/x": false, "http://1.1.1.1/": false, "http://b.example:5/": false} {
		at, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		from := &http.Request{URL: &url.URL{Scheme: "http", Host: "b.example"}}
		if err := checkPrivateRedirect(&http.Request{URL: at}, []*http.Request{from}); (err != nil) != refused {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// TestReferrersWithToken: the list is had with the user's token.
func TestReferrersWithToken(t *testing.T) {
	l := newListingRegistry(t, 1)
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	registries.WriteAuth(t, "DOCKER_CONFIG/config.json", f.ref.Context().RegistryStr())
	tokens, lists := newTokens(f), 0
	f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if tokens.answer(w, r) {
			return true
		}
		if strings.HasPrefix(r.URL.Path, referrersPath) {
			lists++
			index(w, indexType)
			return true
		}
		return false
	}
	r, err := openRepository(f.ref.Context(), 1, testIdle)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := r.artifacts(t.Context(), l.image); err != nil || len(found) > 0 || lists != 1 || tokens.given() == 0 {
		t.Errorf("%v, %v, %d lists, %d tokens", found, err, lists, tokens.given())
	}
}
