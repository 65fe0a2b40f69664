package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/printable"
	"cfsverify/canon/seal"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
)

// referrersPagesMax is how many pages of a registry's list are read.
const referrersPagesMax = 1000

// referrersList is what an error says to be of.
const referrersList = "the list of artifacts about the image: "

// artifacts finds those of a registry whose subject is the image.
func (r *repository) artifacts(ctx context.Context, subject v1.Hash) ([]image.Artifact, error) {
	list, supported, err := r.referrers(ctx, subject)
	if err == nil && !supported {
		list, err = r.taggedReferrers(ctx, subject)
	}
	if err != nil {
		return nil, err
	}
	var listed []image.Candidate
	for _, d := range list {
		listed = append(listed, image.Candidate{Descriptor: d, Stated: true})
	}
	if listed = image.Distinct(listed); len(listed) > image.ArtifactsMax {
		return nil, fmt.Errorf("%sit has more than %d that may have seals", referrersList, image.ArtifactsMax)
	}
	return image.CollectArtifacts(ctx, listed, subject, image.Parts{
		Document: func(d v1.Descriptor) ([]byte, error) { return r.readArtifact(ctx, d) },
		Open:     func(d v1.Descriptor) (io.ReadCloser, error) { return r.openBlob(ctx, d) },
	})
}

func (r *repository) readArtifact(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	found, err := r.puller.Get(ctx, r.repo.Digest(d.Digest.String()))
	switch {
	case err == nil:
		if err := checkSent(found.MediaType, d); err != nil {
			return nil, err
		}
		return found.Manifest, image.VerifyBytes("artifact", found.Manifest, d.Digest, d.Size)
	case ctx.Err() == nil && isStatus(err, http.StatusNotFound):
		return nil, fmt.Errorf("the registry lists the artifact %v about the image, but does not have it: push it there again, or delete it there", d.Digest)
	}
	return nil, r.explain(ctx, fmt.Sprintf("the artifact %v: ", d.Digest), err, "artifact")
}

func isStatus(err error, statuses ...int) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && slices.Contains(statuses, answer.StatusCode)
}

// taggedReferrers is the list of a registry that has no API for it: OCI
// distribution-spec, "Referrers Tag Schema".
func (r *repository) taggedReferrers(ctx context.Context, subject v1.Hash) ([]v1.Descriptor, error) {
	found, err := r.puller.Get(ctx, r.repo.Tag(image.ReferrersTag(subject)))
	switch {
	case ctx.Err() == nil && isStatus(err, http.StatusNotFound), err == nil && !found.MediaType.IsIndex():
		return nil, nil
	case err != nil:
		return nil, r.explain(ctx, referrersList, err, "list of artifacts")
	}
	index, err := image.ParseIndex(found.Manifest, found.MediaType)
	if err != nil {
		return nil, fmt.Errorf("%sit is not valid: %w", referrersList, err)
	}
	return index.Manifests, nil
}

// referrers is the registry's list of what is about an image, all pages of it: OCI
// distribution-spec, "Listing Referrers". It says whether the registry has one.
func (r *repository) referrers(ctx context.Context, subject v1.Hash) (listed []v1.Descriptor, supported bool, err error) {
	client, err := r.client(ctx)
	if err != nil {
		return nil, false, r.explain(ctx, referrersList, err, "list of artifacts")
	}
	// The registry need not heed the filter.
	next := &url.URL{
		Scheme: r.repo.Scheme(), Host: r.repo.RegistryStr(), Path: "/v2/" + r.repo.RepositoryStr() + "/referrers/" + subject.String(),
		RawQuery: url.Values{"artifactType": {seal.ArtifactType}}.Encode(),
	}
	for page, size := 1, 0; next != nil; page++ {
		if page > referrersPagesMax {
			return nil, false, fmt.Errorf("%sit has more than %d pages", referrersList, referrersPagesMax)
		}
		p, err := askReferrers(ctx, client, next)
		switch {
		case err != nil && page == 1 && isStatus(err, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented,
			http.StatusBadRequest, http.StatusNotAcceptable, http.StatusGone):
			return nil, false, ctx.Err()
		case err != nil:
			return nil, false, r.explain(ctx, referrersList, err, "list of artifacts")
		case p.data == nil && page == 1:
			return nil, false, nil
		case p.data == nil:
			return nil, false, fmt.Errorf("%spage %d is of another type than an image index", referrersList, page)
		}
		if size += len(p.data); size > document.SizeMax {
			return nil, false, fmt.Errorf("%sit has more than %d bytes", referrersList, document.SizeMax)
		}
		index, err := image.ParseIndex(p.data, types.OCIImageIndex)
		if err != nil {
			return nil, false, fmt.Errorf("%spage %d is not valid: %w", referrersList, page, err)
		}
		listed = append(listed, index.Manifests...)
		if next, err = p.next(); err != nil {
			return nil, false, err
		}
	}
	return listed, true, nil
}

// client asks the registry as puller does.
func (r *repository) client(ctx context.Context) (*http.Client, error) {
	auth, err := authn.Resolve(ctx, authn.DefaultKeychain, r.repo)
	if err != nil {
		return nil, err
	}
	t, err := transport.NewWithContext(ctx, r.repo.Registry, auth, transport.NewUserAgent(r.transport, userAgent), []string{r.repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: t, CheckRedirect: checkPrivateRedirect}, nil
}

// checkPrivateRedirect refuses redirects to addresses of the local network, as
// puller does. boundedTransport refuses others.
func checkPrivateRedirect(req *http.Request, via []*http.Request) error {
	host := req.URL.Hostname()
	if len(via) == 0 || host == via[0].URL.Hostname() {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified()) {
		return refusal(fmt.Sprintf("%s redirects to %s, which is an address of the local network", printable.Text(via[0].URL.Host), printable.Text(req.URL.Host)))
	}
	return nil
}

// referrersPage is a part of the list, without data if it is of another type.
type referrersPage struct {
	at   *url.URL
	data []byte
	link string
}

func askReferrers(ctx context.Context, client *http.Client, at *url.URL) (*referrersPage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", string(types.OCIImageIndex))
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := transport.CheckError(resp, http.StatusOK); err != nil {
		return nil, err
	}
	page := &referrersPage{at: resp.Request.URL, link: nextLink(resp.Header)}
	mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || mediaType != string(types.OCIImageIndex) {
		return page, nil
	}
	page.data, err = io.ReadAll(resp.Body)
	return page, err
}

// next is where the list goes on, nil if it does not.
func (p *referrersPage) next() (*url.URL, error) {
	if p.link == "" {
		return nil, nil
	}
	next, err := p.at.Parse(p.link)
	if err != nil {
		return nil, fmt.Errorf("%sthe link to its next page is no URL", referrersList)
	}
	if next.Host != p.at.Host {
		return nil, fmt.Errorf("%sits next page is on %q, not on %s", referrersList, next.Host, printable.Text(p.at.Host))
	}
	// What stands before a registry may speak TLS for it.
	next.Scheme, next.User = p.at.Scheme, nil
	return next, nil
}
