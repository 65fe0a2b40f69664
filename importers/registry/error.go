package registry

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"cfsverify/canon/printable"
)

// explain says what a registry's answer means to the user; what was asked for
// is an "image", "manifest", "config" or "blob …". The prefix is put before what
// it says. Once the context is done, that is all it says. Other errors stay as
// they are, but for lines that a server may have added.
func (r *repository) explain(ctx context.Context, prefix string, err error, what string) error {
	var (
		refused refusal
		answer  *transport.Error
		at      *url.Error
		cert    *tls.CertificateVerificationError
		syntax  *json.SyntaxError
	)
	switch {
	case err == nil || ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refused):
		return fmt.Errorf("%s%w", prefix, refused)
	case errors.As(err, &cert) && errors.As(err, &at):
		// Without TLS, which the library then tries with hosts of the local
		// network, there is an answer too, which does not matter.
		host, _ := r.lastAsked(at)
		return fmt.Errorf("%s%s has a certificate that is not trusted: %w: add its CA to those of the system, or name its file in SSL_CERT_FILE", prefix, host, printable.Error(cert.Err))
	case errors.As(err, &answer):
		return errors.New(prefix + r.answer(answer, what))
	case errors.As(err, &syntax) && (what == "image" || errors.As(err, &at)):
		// Manifests are parsed later, and not by the library's client.
		return fmt.Errorf("%swhat gives tokens for %s answers what is no JSON: %w", prefix, r.host(), printable.Error(syntax))
	case errors.As(err, &at):
		host, cause := r.lastAsked(at)
		return fmt.Errorf("%s%s cannot be reached: %w", prefix, host, firstLine(cause))
	}
	return firstLine(err)
}

// firstLine leaves out what the library appends of an answer.
func firstLine(err error) error {
	if text, _, cut := strings.Cut(err.Error(), "\n"); cut {
		return errors.New(printable.Line(strings.TrimSuffix(text, ":")))
	}
	return printable.Error(err)
}

// host is the registry's name in messages.
func (r *repository) host() string { return printable.Text(r.repo.RegistryStr()) }

// lastAsked is the host that an error is of, which may be one that the registry
// leads to, and what went wrong there.
func (r *repository) lastAsked(at *url.Error) (string, error) {
	for inner := at; errors.As(inner.Err, &inner); {
		at = inner
	}
	if u, err := url.Parse(at.URL); err == nil && u.Host != "" {
		return printable.Text(u.Host), at.Err
	}
	return r.host(), at.Err
}

func (r *repository) answer(answer *transport.Error, what string) string {
	host := r.host()
	status := strings.TrimSpace(fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))
	if len(answer.Errors) > 0 && isErrorCode(string(answer.Errors[0].Code)) {
		status = printable.Text(string(answer.Errors[0].Code))
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		return fmt.Sprintf("the registry wants other credentials (%s), or has no such %s: podman login %s, or docker login %s", status, what, host, host)
	case http.StatusForbidden:
		return fmt.Sprintf("the registry does not let this user read the %s (%s): podman login %s, or docker login %s, as another one", what, status, host, host)
	case http.StatusNotFound:
		if what != "image" {
			return fmt.Sprintf("the registry has no such %s (%s): the image is not complete there", what, status)
		}
		return fmt.Sprintf("the registry has no such %s (%s): look at the name and tag", what, status)
	case http.StatusTooManyRequests:
		return fmt.Sprintf("the registry takes no more requests for now (%s): try again later, or log in", status)
	}
	if answer.StatusCode >= 500 {
		return fmt.Sprintf("the registry has a fault (%s), also when asked again: try again later", status)
	}
	return fmt.Sprintf("the registry answers %s when it is asked for the %s: whoever runs it may know why", status, what)
}

// isErrorCode recognises what distribution-spec, section "Error Codes", has for
// such. Nothing else that a registry sends is shown.
func isErrorCode(code string) bool {
	return code != "" && len(code) <= 40 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}
