package importers

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func registryImage(ctx context.Context, s Source, platform *v1.Platform) (*image, error) {
	ref, err := name.ParseReference(s.Ref)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	desc, err := remote.Get(ref, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithUserAgent("cfsverify"))
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	switch {
	case desc.MediaType.IsIndex():
		index, err := desc.ImageIndex()
		if err != nil {
			return nil, fmt.Errorf("%v: %w", s, err)
		}
		return imageFromIndex(s, index, "", platform)
	case desc.MediaType.IsImage():
		found, err := desc.Image()
		if err != nil {
			return nil, fmt.Errorf("%v: %w", s, err)
		}
		return verifiedImage(s, found, platform)
	}
	return nil, fmt.Errorf("%v is of type %q, which is no container image", s, desc.MediaType)
}
