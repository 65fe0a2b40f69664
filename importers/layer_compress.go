package importers

import (
	"io"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"cfsverify/compare/raw"
)

// layerType is the media type of a layer: OCI image-spec, layer.md.
func layerType(c raw.Compression) types.MediaType {
	switch c {
	case raw.GzipKind:
		return types.OCILayer
	case raw.ZstdKind:
		return types.OCILayerZStd
	}
	return types.OCIUncompressedLayer
}

// compressor compresses what is written to it. The same bytes give the same bytes:
// there is no time and no name in them, and one goroutine makes them.
func compressor(c raw.Compression, w io.Writer) (io.WriteCloser, error) {
	switch c {
	case raw.GzipKind:
		return gzip.NewWriterLevel(w, gzip.DefaultCompression)
	case raw.ZstdKind:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	}
	return unclosed{w}, nil
}

// unclosed is a writer whose end is nobody's business.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
