package importers

import (
	"context"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// registryBlob reads a blob, and opens it again where it breaks off. What it
// gives is compared with no digest: the reader of the layer does that.
type registryBlob struct {
	ctx        context.Context
	repository *repository
	desc       v1.Descriptor
	body       io.ReadCloser
	at         int64
	tries      int
}

func (r *repository) openBlob(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	b := &registryBlob{ctx: ctx, repository: r, desc: desc}
	return b, b.open()
}

func (b *registryBlob) open() error {
	b.tries++
	// The blob comes from the registry alone: who follows the urls of foreign
	// layers lets an image choose whom to contact.
	layer, err := b.repository.puller.Layer(b.ctx, b.repository.repo.Digest(b.desc.Digest.String()))
	if err == nil {
		b.body, err = layer.Compressed()
	}
	if err != nil {
		return b.repository.explain("", err, "blob "+b.desc.Digest.String())
	}
	return nil
}

func (b *registryBlob) Read(p []byte) (int, error) {
	for {
		n, err := b.body.Read(p)
		b.at += int64(n)
		switch {
		case err == nil || n > 0:
			return n, nil
		case b.at >= b.desc.Size:
			// That is also where the library has found another digest.
			return 0, io.EOF
		case b.ctx.Err() != nil:
			return 0, b.ctx.Err()
		}
		if err := b.again(err); err != nil {
			return 0, err
		}
	}
}

// again opens the blob once more, and goes to where it broke off.
func (b *registryBlob) again(cause error) error {
	for b.tries < registryTries {
		if err := b.wait(b.repository.pause * time.Duration(1+2*(b.tries-1))); err != nil {
			return err
		}
		b.body.Close()
		if err := b.open(); err != nil {
			return err
		}
		_, err := io.CopyN(io.Discard, b.body, b.at)
		if err == nil {
			return nil
		}
		cause = err
	}
	return fmt.Errorf("the registry sent %d of %d bytes of the blob %v, and no more when asked again: %w", b.at, b.desc.Size, b.desc.Digest, cause)
}

func (b *registryBlob) wait(pause time.Duration) error {
	select {
	case <-b.ctx.Done():
		return b.ctx.Err()
	case <-time.After(pause):
		return nil
	}
}

func (b *registryBlob) Close() error { return b.body.Close() }
