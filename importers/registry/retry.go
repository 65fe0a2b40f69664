package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"
)

// retryTransport makes a request again after a fault of the network or the
// registry. The library's does not heed the end of the context while it waits,
// nor what the registry says of when to come again.
type retryTransport struct {
	next  http.RoundTripper
	pause time.Duration
}

const (
	tries = 3
	// retryAfterMax is how long a registry may tell us to wait. If it says more,
	// its answer is taken as it is.
	retryAfterMax = 30 * time.Second
)

func (t retryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, err := t.next.RoundTrip(req)
		pause, again := t.again(req, resp, err, try)
		if !again {
			return resp, err
		}
		if resp != nil {
			resp.Body.Close()
		}
		if err := wait(req.Context(), pause); err != nil {
			return nil, err
		}
		if req.GetBody != nil {
			req = req.Clone(req.Context())
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// again says whether to make a request again, and after which pause.
func (t retryTransport) again(req *http.Request, resp *http.Response, err error, try int) (time.Duration, bool) {
	pause := growingPause(t.pause, try)
	switch {
	case try == tries || req.Context().Err() != nil || req.Body != nil && req.GetBody == nil:
		return 0, false
	case err != nil:
		return pause, !isLasting(err)
	case !isPassing(resp.StatusCode):
		return 0, false
	}
	asked := retryAfter(resp.Header, time.Now())
	return max(pause, asked), asked <= retryAfterMax
}

// growingPause is how long to wait after so many tries.
func growingPause(first time.Duration, tries int) time.Duration {
	return first * time.Duration(2*tries-1)
}

func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// isLasting recognises errors that would only come again.
func isLasting(err error) bool {
	var (
		refused refusal
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		dns     *net.DNSError
	)
	return errors.As(err, &refused) || errors.As(err, &cert) || errors.As(err, &record) ||
		errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &dns) && dns.IsNotFound
}

// isPassing recognises what a registry or a proxy answers in its bad moments.
func isPassing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		499, // nginx: the client has gone
		522: // Cloudflare: no connection to the server
		return true
	}
	return false
}

// retryAfter is how long an answer asks to wait, RFC 9110, section 10.2.3.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
