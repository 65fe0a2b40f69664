package rewrite

import (
	"bytes"
	"context"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/importers/blob"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
)

// stage reads a layer, and writes the blob to the layout as it goes by.
func (s *Sealer) stage(ctx context.Context, b blob.Blob, used *limits.Budget, o image.ReadOptions) (*layer.Entries, error) {
	var entries *layer.Entries
	written, err := s.out.WriteBlob("", func(to io.Writer) (err error) {
		copied := b
		copied.Open = func() (io.ReadCloser, error) {
			from, err := b.Open()
			if err != nil {
				return nil, err
			}
			return struct {
				io.Reader
				io.Closer
			}{io.TeeReader(from, &limitedWriter{w: to, limit: s.options.Limits.Bytes}), from}, nil
		}
		entries, err = image.ReadLayer(ctx, copied, used, o)
		return err
	})
	s.stored[b.Layer.Index-1] = written
	return entries, err
}

// limitedWriter does not fill a disk with what an archive may not be.
type limitedWriter struct {
	w           io.Writer
	size, limit int64
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	l.size += int64(len(p))
	if l.limit > 0 && l.size > l.limit {
		return 0, &limits.LimitError{Limit: limits.CopyLimit, Most: l.limit}
	}
	return l.w.Write(p)
}

// plainManifest is the image's manifest, or one that OCI knows in its place, with
// the config as it was.
func (s *Sealer) plainManifest() ([]byte, error) {
	old, err := s.image.ParsedManifest()
	if err != nil {
		return nil, err
	}
	if isOCI(*old) && hasArchives(s.image) {
		return withArchives(s.image.Manifest, s.stored)
	}
	if isOCI(*old) {
		return s.image.Manifest, nil
	}
	if s.image.Manifest == nil {
		if old.Config.Digest, old.Config.Size, err = v1.SHA256(bytes.NewReader(s.image.Config)); err != nil {
			return nil, err
		}
	}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: old.Config, Layers: []v1.Descriptor{}, Annotations: old.Annotations}
	m.Config.MediaType = types.OCIConfigJSON
	for i, layer := range s.Layers {
		d := s.stored[i]
		if i < len(old.Layers) && d.Digest == old.Layers[i].Digest {
			d = old.Layers[i]
		}
		m.Layers = append(m.Layers, ociLayer(d, layer.Compression))
	}
	return document.Marshal(m)
}
