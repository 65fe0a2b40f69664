package importers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// registryTransport gives up what sends nothing, and redirects that lead round
// in circles or away from TLS: the library follows them without end.
type registryTransport struct {
	next http.RoundTripper
	idle time.Duration
}

const redirectsMax = 10

func (t registryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkRedirects(req); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(t.idle, func() { cancel(idleError{t.idle}) })
	resp, err := t.next.RoundTrip(req.WithContext(ctx))
	timer.Stop()
	if err != nil {
		cancel(nil)
		return nil, idleOr(ctx, err)
	}
	resp.Body = &idleBody{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, idle: t.idle}
	return resp, nil
}

func checkRedirects(req *http.Request) error {
	hops := 0
	for from := req; from.Response != nil && from.Response.Request != nil; from = from.Response.Request {
		if hops++; hops > redirectsMax {
			return fmt.Errorf("%s redirects more than %d times", req.URL.Host, redirectsMax)
		}
		if before := from.Response.Request.URL; before.Scheme == "https" && from.URL.Scheme != "https" {
			return fmt.Errorf("%s redirects to %s without TLS", before.Host, from.URL.Host)
		}
	}
	return nil
}

// idleError is one after which a request is made again.
type idleError struct{ idle time.Duration }

func (e idleError) Error() string   { return fmt.Sprintf("the registry sent nothing for %v", e.idle) }
func (e idleError) Temporary() bool { return true }

// idleOr tells the timer's doing from other errors.
func idleOr(ctx context.Context, err error) error {
	var idle idleError
	if errors.As(context.Cause(ctx), &idle) {
		return idle
	}
	return err
}

// idleBody ends a body of which nothing comes.
type idleBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	idle   time.Duration
	once   sync.Once
}

func (b *idleBody) Read(p []byte) (int, error) {
	timer := time.AfterFunc(b.idle, func() { b.cancel(idleError{b.idle}) })
	n, err := b.ReadCloser.Read(p)
	timer.Stop()
	if err != nil && err != io.EOF {
		err = idleOr(b.ctx, err)
	}
	return n, err
}

func (b *idleBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(func() { b.cancel(nil) })
	return err
}
