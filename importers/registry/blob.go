package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blobReader reads a blob, and opens it again where it breaks off. What it
// gives is compared with no digest: the reader of the layer does that. Close may
// be called while Read waits, and ends it.
type blobReader struct {
	ctx        context.Context
	cancel     context.CancelFunc
	repository *repository
	desc       v1.Descriptor
	at         int64
	tries      int
	err        error // of Read
	body       openBody
}

func (r *repository) openBlob(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	b := &blobReader{repository: r, desc: desc, body: openBody{body: http.NoBody}}
	b.ctx, b.cancel = context.WithCancel(ctx)
	if _, err := b.open(); err != nil {
		b.cancel()
		return nil, err
	}
	return b, nil
}

// open says whether the registry sends the rest only, not all of the blob.
func (b *blobReader) open() (partial bool, err error) {
	b.tries++
	request := &layerRequest{path: "/blobs/" + b.desc.Digest.String(), from: b.at, size: b.desc.Size}
	// The blob comes from the registry alone: who follows the urls of foreign
	// layers lets an image choose whom to contact.
	layer, err := b.repository.puller.Layer(withLayer(b.ctx, request), b.repository.repo.Digest(b.desc.Digest.String()))
	var body io.ReadCloser
	if err == nil {
		body, err = layer.Compressed()
	}
	if err != nil {
		return false, b.repository.explain(b.ctx, "", err, "blob "+b.desc.Digest.String())
	}
	b.body.replace(body)
	return request.partial, nil
}

func (b *blobReader) Read(p []byte) (int, error) {
	for b.err == nil {
		n, err := b.body.Read(p)
		b.at += int64(n)
		switch {
		case err == nil || n > 0:
			return n, nil
		case b.at >= b.desc.Size:
			// That is also where the library has found another digest.
			b.err = io.EOF
		case b.ctx.Err() != nil:
			b.err = b.ctx.Err()
		default:
			b.err = b.again(err)
		}
	}
	return 0, b.err
}

// again opens the blob once more, and goes to where it broke off.
func (b *blobReader) again(cause error) error {
	for b.tries < tries {
		b.body.replace(http.NoBody)
		if err := wait(b.ctx, growingPause(b.repository.pause, b.tries)); err != nil {
			return err
		}
		partial, err := b.open()
		if err != nil {
			return err
		}
		if !partial {
			_, err = io.CopyN(io.Discard, &b.body, b.at)
		}
		if err == nil {
			return nil
		}
		if b.ctx.Err() != nil {
			return b.ctx.Err()
		}
		cause = err
	}
	return fmt.Errorf("the registry sent %d of %d bytes of the blob %v, and no more when asked again: %w", b.at, b.desc.Size, b.desc.Digest, cause)
}

func (b *blobReader) Close() error {
	b.cancel()
	b.body.replace(http.NoBody)
	return nil
}

// openBody is the body that is open, or http.NoBody.
type openBody struct {
	mu   sync.Mutex
	body io.ReadCloser
}

func (o *openBody) Read(p []byte) (int, error) {
	o.mu.Lock()
	body := o.body
	o.mu.Unlock()
	return body.Read(p)
}

// replace closes the body that there was.
func (o *openBody) replace(body io.ReadCloser) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.body.Close()
	o.body = body
}
