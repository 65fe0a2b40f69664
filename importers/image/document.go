package image

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/importers/document"
)

// Parts reads the parts of images by their descriptors. Who asks for one verifies it.
type Parts struct {
	// Document reads an index, manifest or config as it is written.
	Document func(v1.Descriptor) ([]byte, error)
	// Open opens a layer.
	Open OpenBlob
}

// ParseIndex reads an image index as document.Decode does. Stated is the media type in
// its descriptor, or with which a registry sends it; empty if nothing states one. What
// other readers may take for another kind of document is a document.AmbiguityError.
func ParseIndex(raw []byte, stated types.MediaType) (*v1.IndexManifest, error) {
	var index struct {
		v1.IndexManifest
		Config   json.RawMessage `json:"config"`
		Layers   json.RawMessage `json:"layers"`
		FSLayers json.RawMessage `json:"fsLayers"`
	}
	if err := document.Decode(raw, &index); err != nil {
		return nil, err
	}
	others := map[string]json.RawMessage{"config": index.Config, "layers": index.Layers, "fsLayers": index.FSLayers}
	err := checkKind("an image index", types.MediaType.IsIndex, index.SchemaVersion, index.MediaType, stated, others)
	return &index.IndexManifest, err
}

// ParseManifest does so with an image manifest.
func ParseManifest(raw []byte, stated types.MediaType) (*v1.Manifest, error) {
	var manifest struct {
		v1.Manifest
		Manifests json.RawMessage `json:"manifests"`
		FSLayers  json.RawMessage `json:"fsLayers"`
	}
	if err := document.Decode(raw, &manifest); err != nil {
		return nil, err
	}
	others := map[string]json.RawMessage{"manifests": manifest.Manifests, "fsLayers": manifest.FSLayers}
	err := checkKind("an image manifest", types.MediaType.IsImage, manifest.SchemaVersion, manifest.MediaType, stated, others)
	return &manifest.Manifest, err
}

// checkKind refuses a document of a kind if it has members of another kind (CVE-2021-41190),
// or if its own media type is another one than is stated. That has two names for each kind,
// which are for the same members. A document need not have one.
func checkKind(kind string, is func(types.MediaType) bool, version int64, own, stated types.MediaType, others map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(others)) {
		if value := others[name]; value != nil && string(value) != "null" {
			return &document.AmbiguityError{Member: "/" + name, Why: "does not belong to " + kind}
		}
	}
	switch {
	case own != "" && stated != "" && own != stated:
		return &document.AmbiguityError{Member: "/mediaType", Why: fmt.Sprintf("is %q, while what leads to the document says %q", own, stated)}
	case own != "" && !is(own):
		return &document.AmbiguityError{Member: "/mediaType", Why: fmt.Sprintf("is %q, which is not of %s", own, kind)}
	case version != 0 && version != 2:
		return &document.AmbiguityError{Member: "/schemaVersion", Why: fmt.Sprintf("is %d, which is not of %s", version, kind)}
	}
	return nil
}

// ParseConfig reads an image's config as document.Decode does.
func ParseConfig(raw []byte) (*v1.ConfigFile, error) {
	config := &v1.ConfigFile{}
	return config, document.Decode(raw, config)
}
