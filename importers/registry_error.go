package importers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// explain says what a registry's answer means to the user; what was asked for
// is an "image", "manifest", "config" or "blob …". The prefix is put before what
// it says. Other errors stay as they are.
func (r *repository) explain(prefix string, err error, what string) error {
	var answer *transport.Error
	var at *url.Error
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &answer):
		return errors.New(prefix + r.answer(answer, what))
	case errors.As(err, &at):
		return fmt.Errorf("%s%s cannot be reached: %w", prefix, r.repo.RegistryStr(), at.Err)
	}
	return err
}

func (r *repository) answer(answer *transport.Error, what string) string {
	host := r.repo.RegistryStr()
	status := fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	if len(answer.Errors) > 0 {
		status = string(answer.Errors[0].Code)
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
	return fmt.Sprintf("the registry answers %s", status)
}
