package importers

import (
	"io"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compression is how the blob of a layer is compressed.
type compression uint8

const (
	noCompression compression = iota
	gzipCompression
	zstdCompression
)

// mediaType is that of OCI image-spec, layer.md.
func (c compression) mediaType() types.MediaType {
	switch c {
	case gzipCompression:
		return types.OCILayer
	case zstdCompression:
		return types.OCILayerZStd
	}
	return types.OCIUncompressedLayer
}

// writer compresses what is written to it. The same bytes give the same bytes:
// there is no time and no name in them, and one goroutine makes them.
func (c compression) writer(w io.Writer) (io.WriteCloser, error) {
	switch c {
	case gzipCompression:
		return gzip.NewWriterLevel(w, gzip.DefaultCompression)
	case zstdCompression:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	}
	return unclosed{w}, nil
}

// unclosed is a writer whose end is nobody's business.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
