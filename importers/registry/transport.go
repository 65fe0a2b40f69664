package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"cfsverify/canon/printable"
	"cfsverify/importers/document"
)

// boundedTransport refuses redirects that lead round in circles or away from
// TLS, which the library follows without end. It bounds all that is answered but
// layers, and reads it at once, so that what breaks off is asked for again.
type boundedTransport struct{ next http.RoundTripper }

const (
	redirectsMax = 10
	// errorBodyMax is the size in bytes up to which the library reads errors. It
	// forgets the status of longer ones.
	errorBodyMax = 64 << 10
)

// refusal is of what the registry answers; asking again would not change it.
type refusal string

func (r refusal) Error() string { return string(r) }

func (t boundedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkRedirects(req); err != nil {
		return nil, err
	}
	layer := layerOf(req)
	resp, err := t.answer(req, layer)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		resp.Body = cutBody{io.LimitReader(resp.Body, errorBodyMax), resp.Body}
	}
	if layer == nil {
		if err := readAtOnce(resp); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

func (t boundedTransport) answer(req *http.Request, layer *layerRequest) (*http.Response, error) {
	if layer == nil || layer.from == 0 {
		return t.next.RoundTrip(req)
	}
	part := req.Clone(req.Context())
	part.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", layer.from, layer.size-1))
	resp, err := t.next.RoundTrip(part)
	switch {
	case err != nil || resp.StatusCode != http.StatusPartialContent && resp.StatusCode != http.StatusRequestedRangeNotSatisfiable:
		return resp, err
	case resp.StatusCode == http.StatusPartialContent && isPartFrom(resp.Header, layer.from):
		layer.partial = true
		// The library takes nothing else.
		resp.StatusCode = http.StatusOK
		return resp, nil
	}
	resp.Body.Close()
	return t.next.RoundTrip(req)
}

// layerRequest, in the context of a request, is for a layer from some byte on.
type layerRequest struct {
	path       string
	from, size int64
	// partial says that the answer begins there, not with the first byte.
	partial bool
}

type layerRequestKey struct{}

// layerOf is nil for all other requests, such as those for tokens that a
// request for a layer brings with it.
func layerOf(req *http.Request) *layerRequest {
	layer, _ := req.Context().Value(layerRequestKey{}).(*layerRequest)
	first := req
	for first.Response != nil && first.Response.Request != nil {
		first = first.Response.Request
	}
	if layer == nil || first.Method != http.MethodGet || !strings.HasSuffix(first.URL.Path, layer.path) {
		return nil
	}
	return layer
}

func withLayer(ctx context.Context, layer *layerRequest) context.Context {
	return context.WithValue(ctx, layerRequestKey{}, layer)
}

func isPartFrom(h http.Header, from int64) bool {
	return strings.HasPrefix(h.Get("Content-Range"), fmt.Sprintf("bytes %d-", from)) && h.Get("Content-Encoding") == ""
}

// readAtOnce reads the body of what is not too long, and closes it.
func readAtOnce(resp *http.Response) error {
	defer resp.Body.Close()
	tooLong := refusal(fmt.Sprintf("%s sends a manifest or config of more than %d bytes", printable.Text(resp.Request.URL.Host), document.SizeMax))
	if resp.ContentLength > document.SizeMax && resp.StatusCode < http.StatusBadRequest {
		return tooLong
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, document.SizeMax+1))
	if err != nil {
		return err
	}
	if len(data) > document.SizeMax {
		return tooLong
	}
	// The library reads manifests before we do.
	if err := document.CheckValues(data); err != nil {
		return refusal(fmt.Sprintf("%s sends a manifest or config that cannot be read: %v", printable.Text(resp.Request.URL.Host), err))
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	return nil
}

type cutBody struct {
	io.Reader
	io.Closer
}

func checkRedirects(req *http.Request) error {
	hops := 0
	for from := req; from.Response != nil && from.Response.Request != nil; from = from.Response.Request {
		if hops++; hops > redirectsMax {
			return refusal(fmt.Sprintf("%s redirects more than %d times", printable.Text(req.URL.Host), redirectsMax))
		}
		if before := from.Response.Request.URL; before.Scheme == "https" && from.URL.Scheme != "https" {
			return refusal(fmt.Sprintf("%s redirects to %s without TLS", printable.Text(before.Host), printable.Text(from.URL.Host)))
		}
	}
	return nil
}
