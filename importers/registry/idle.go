package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// idleTransport gives up what sends nothing.
type idleTransport struct {
	next http.RoundTripper
	idle time.Duration
}

func (t idleTransport) RoundTrip(req *http.Request) (*http.Response, error) {
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

// idleError is one after which a request is made again.
type idleError struct{ idle time.Duration }

func (e idleError) Error() string { return fmt.Sprintf("the registry sent nothing for %v", e.idle) }

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
