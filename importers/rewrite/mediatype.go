package rewrite

import (
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/tarfile"
)

// layerType is the media type of a layer: OCI image-spec, layer.md.
func layerType(c tarfile.Compression) types.MediaType {
	switch c {
	case tarfile.Gzip:
		return types.OCILayer
	case tarfile.Zstd:
		return types.OCILayerZStd
	}
	return types.OCIUncompressedLayer
}

// isOCI says that a manifest is one of OCI, whose media type it need not have.
func isOCI(m v1.Manifest) bool {
	return (m.MediaType == types.OCIManifestSchema1 || m.MediaType == "") && m.Config.MediaType == types.OCIConfigJSON
}

// ociLayer gives a layer's descriptor the media type that OCI has for it.
func ociLayer(d v1.Descriptor, c tarfile.Compression) v1.Descriptor {
	if !strings.HasPrefix(string(d.MediaType), "application/vnd.oci.") {
		d.MediaType = layerType(c)
	}
	return d
}
