package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/printable"
	"cfsverify/importers/blob"
	"cfsverify/importers/image"
	"cfsverify/importers/source"
)

// repository is one in a registry.
type repository struct {
	puller *remote.Puller
	// transport is that of puller, without authentication.
	transport http.RoundTripper
	repo      name.Repository
	// pause is how long to wait before something is tried a second time; the
	// third time it is three times as long.
	pause time.Duration
}

// pause and idle are what users get. A registry that sends
// nothing for idle is taken for one that does not answer.
const (
	pause = time.Second
	idle  = time.Minute
)

// userAgent is what registries are told.
const userAgent = "cfsverify"

func openRepository(repo name.Repository, pause, idle time.Duration) (*repository, error) {
	transport := retryTransport{boundedTransport{idleTransport{remote.DefaultTransport, idle}}, pause}
	puller, err := remote.NewPuller(
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithUserAgent(userAgent),
		remote.WithTransport(transport),
		// It tries once: retryTransport does it again.
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
		remote.WithRetryStatusCodes(),
		remote.WithRetryPredicate(func(error) bool { return false }),
	)
	return &repository{puller: puller, transport: transport, repo: repo, pause: pause}, err
}

// Open opens the image of a registry.
func Open(ctx context.Context, s source.Source, platform *v1.Platform) (*image.Image, error) {
	ref, err := name.ParseReference(s.Ref)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, printable.Error(err))
	}
	r, err := openRepository(ref.Context(), pause, idle)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	img, err := r.image(ctx, s, ref, platform)
	if err != nil {
		return nil, err
	}
	img.Locate(func(v1.Hash) (blob.Place, bool) { return blob.Place{Repository: r.repo.Name()}, true })
	img.Artifacts = func(ctx context.Context) ([]image.Artifact, error) { return r.artifacts(ctx, img.Digest()) }
	return img, nil
}

func (r *repository) image(ctx context.Context, s source.Source, ref name.Reference, platform *v1.Platform) (*image.Image, error) {
	desc, err := r.puller.Get(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, r.explain(ctx, "", err, "image"))
	}
	parts := image.Parts{
		Document: func(d v1.Descriptor) ([]byte, error) { return r.document(ctx, d) },
		Open:     func(d v1.Descriptor) (io.ReadCloser, error) { return r.openBlob(ctx, d) },
	}
	switch {
	case desc.MediaType.IsIndex():
		index, err := image.ParseIndex(desc.Manifest, desc.MediaType)
		if err != nil {
			return nil, fmt.Errorf("%v: the index %v is not valid: %w", s, desc.Digest, err)
		}
		img, err := image.FromIndex(s, index, parts, "", platform)
		return img, r.explain(ctx, s.String()+": ", err, "manifest")
	case desc.MediaType.IsImage():
		img, err := image.Verified(s, desc.Manifest, desc.Descriptor, parts, platform)
		return img, r.explain(ctx, s.String()+": ", err, "config")
	}
	if strings.HasPrefix(string(desc.MediaType), "text/html") {
		return nil, fmt.Errorf("%v: %s answers with a web page: it may be no registry, or want a login to the network", s, r.host())
	}
	return nil, fmt.Errorf("%v is of type %q, which is no container image", s, desc.MediaType)
}

// document reads an index, manifest or config. One that its descriptor holds is the same,
// as it is of the same digest.
func (r *repository) document(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	switch {
	case d.Data != nil:
		return d.Data, nil
	case d.MediaType.IsConfig():
		return r.readBlob(ctx, d.Digest)
	}
	found, err := r.puller.Get(ctx, r.repo.Digest(d.Digest.String()))
	if err != nil {
		return nil, err
	}
	return found.Manifest, checkSent(found.MediaType, d)
}

func (r *repository) readBlob(ctx context.Context, digest v1.Hash) ([]byte, error) {
	blob, err := r.puller.Layer(ctx, r.repo.Digest(digest.String()))
	if err != nil {
		return nil, err
	}
	body, err := blob.Compressed()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// checkSent refuses a manifest that a registry sends as one of another type than its
// descriptor says. Types that are none of manifests say nothing about it.
func checkSent(sent types.MediaType, d v1.Descriptor) error {
	if sent == d.MediaType || !sent.IsIndex() && !sent.IsImage() && !sent.IsSchema1() {
		return nil
	}
	return fmt.Errorf("the registry sends %v as %q, its descriptor says %q: readers differ about which counts", d.Digest, sent, d.MediaType)
}
