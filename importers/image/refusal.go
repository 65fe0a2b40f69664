package image

import (
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/document"
	"cfsverify/importers/layer"
)

// ComposefsRSRefusal says why composefs-rs refuses to pull the image, from a layout as from
// a registry, whatever is in its layers: importers/layer/LAYERS.md, "Images". It is nil
// if nothing is known, as of an image without an OCI manifest.
func (img *Image) ComposefsRSRefusal(layers []*layer.Entries) error {
	manifest, err := img.ParsedManifest()
	if err != nil || img.Manifest == nil || manifest.MediaType == types.DockerManifestSchema2 {
		return err
	}
	if err := missingMember(img.Manifest, img.Config); err != nil {
		return err
	}
	for i, desc := range manifest.Layers {
		err := refusedType(desc.MediaType)
		// Storages keep archives without the compression that is stated.
		if err == nil && img.Blobs[i].Digest != (v1.Hash{}) {
			err = refusedCompression(desc.MediaType, layers[i].Compression)
		}
		if err != nil {
			return &canon.EntryError{Layer: img.Blobs[i].Layer, Err: err}
		}
	}
	return nil
}

func refusedType(stated types.MediaType) error {
	switch stated {
	case types.DockerLayer, types.DockerForeignLayer, types.DockerUncompressedLayer:
		return fmt.Errorf("composefs-rs refuses Docker's media type %s in an OCI manifest", stated)
	}
	return nil
}

func refusedCompression(stated types.MediaType, found tarfile.Compression) error {
	want := tarfile.Uncompressed
	switch {
	case strings.HasSuffix(string(stated), "+gzip"):
		want = tarfile.Gzip
	case strings.HasSuffix(string(stated), "+zstd"):
		want = tarfile.Zstd
	}
	if found != want {
		return fmt.Errorf("composefs-rs refuses the media type %s for a layer that is stored as %s", printable.Text(string(stated)), found)
	}
	return nil
}

// missingMember names a member that composefs-rs needs and a document has not.
func missingMember(manifest, config []byte) error {
	var m struct {
		SchemaVersion *int `json:"schemaVersion"`
	}
	var c struct {
		OS           *string `json:"os"`
		Architecture *string `json:"architecture"`
		RootFS       struct {
			Type *string `json:"type"`
		} `json:"rootfs"`
	}
	if err := document.Decode(manifest, &m); err != nil {
		return err
	}
	if err := document.Decode(config, &c); err != nil {
		return err
	}
	switch {
	case m.SchemaVersion == nil:
		return missing("manifest", "schemaVersion")
	case c.OS == nil:
		return missing("config", "os")
	case c.Architecture == nil:
		return missing("config", "architecture")
	case c.RootFS.Type == nil:
		return missing("config", "rootfs.type")
	}
	return nil
}

func missing(document, member string) error {
	return fmt.Errorf("composefs-rs refuses a %s without %q", document, member)
}
