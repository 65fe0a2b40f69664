package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// TestRetryStatus: which answers are asked for again, how often, and when not.
func TestRetryStatus(t *testing.T) {
	for _, c := range []struct {
		status, requests int
		after            string
	}{
		{status: 200, requests: 1},
		{status: 400, requests: 1},
		{status: 401, requests: 1},
		{status: 403, requests: 1},
		{status: 404, requests: 1},
		{status: 408, requests: 3},
		{status: 429, requests: 3},
		{status: 500, requests: 3},
		{status: 501, requests: 1},
		{status: 502, requests: 3},
		{status: 503, requests: 3},
		{status: 504, requests: 3},
		{status: 429, requests: 1, after: "31"},
		{status: 503, requests: 1, after: "Fri, 31 Dec 9999 23:59:59 GMT"},
		{status: 503, requests: 3, after: "Fri, 31 Dec 1999 23:59:59 GMT"},
		{status: 503, requests: 3, after: "soon"},
	} {
		t.Run(fmt.Sprint(c.status, " ", c.after), func(t *testing.T) {
			var bodies []string
			// http.Transport would put back a body that was read.
			answer := roundTripper(func(r *http.Request) (*http.Response, error) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				bodies = append(bodies, string(body))
				return &http.Response{StatusCode: c.status, Header: http.Header{"Retry-After": {c.after}}, Body: http.NoBody}, nil
			})
			client := http.Client{Transport: retryTransport{answer, time.Millisecond}}
			resp, err := client.Post("http://registry.example", "text/plain", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if want := strings.Repeat("x", c.requests); resp.StatusCode != c.status || strings.Join(bodies, "") != want || len(bodies) != c.requests {
				t.Errorf("status %d after requests with %q, want %d", resp.StatusCode, bodies, c.requests)
			}
		})
	}
}

// TestRetryAfter: a registry that says when to come again is not asked before.
func TestRetryAfter(t *testing.T) {
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	var first time.Time
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if !isManifest(r) {
			return false
		}
		if n == 1 {
			first = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		if waited := time.Since(first); waited < time.Second {
			t.Errorf("asked again after %v", waited)
		}
		return false
	}
	if _, err := f.load(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRetryError(t *testing.T) {
	for _, c := range []struct {
		err      error
		requests int
	}{
		{io.EOF, 3},
		{io.ErrUnexpectedEOF, 3},
		{idleError{time.Second}, 3},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, 3},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, 3},
		{&net.OpError{Op: "dial", Err: context.DeadlineExceeded}, 3},
		{&net.DNSError{IsTemporary: true}, 3},
		{&net.DNSError{IsNotFound: true}, 1},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, 1},
		{tls.RecordHeaderError{}, 1},
		{http.ErrSchemeMismatch, 1},
		{refusal("too long"), 1},
	} {
		requests := 0
		client := http.Client{Transport: retryTransport{roundTripper(func(*http.Request) (*http.Response, error) {
			requests++
			return nil, c.err
		}), time.Microsecond}}
		_, err := client.Get("http://registry.example")
		if requests != c.requests || !errors.Is(err, c.err) && err.Error() != `Get "http://registry.example": `+c.err.Error() {
			t.Errorf("%v: %d requests, want %d; error %v", c.err, requests, c.requests, err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }

// TestRetryCancelled: the end of the context ends pauses too, and is all the
// error says, wherever it comes.
func TestRetryCancelled(t *testing.T) {
	f := newFaultyRegistry(t, types.OCIUncompressedLayer)
	isLayer := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, f.digest.String()) }
	for _, c := range []struct {
		name  string
		fault fault
	}{
		{"registry is slow", func(_ http.ResponseWriter, r *http.Request, _ int) bool {
			<-r.Context().Done()
			return true
		}},
		{"pause for the manifest", status(503, always, isManifest)},
		{"pause for the layer", status(503, always, isLayer)},
		{"pause in the layer", func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if isLayer(r) {
				f.serve(w, f.layer[:50000])
				panic(http.ErrAbortHandler)
			}
			return false
		}},
		{"stalled layer", func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if !isLayer(r) {
				return false
			}
			f.serve(w, f.layer[:50000])
			<-r.Context().Done()
			return true
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.set(c.fault)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			start := time.Now()
			r, err := openRepository(f.ref.Context(), time.Hour, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = f.loadFrom(ctx, r); !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "Get") {
				t.Errorf("error %v", err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}
