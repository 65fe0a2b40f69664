package rewrite

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon/tarfile"
	"cfsverify/importers/blob"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
)

// hasArchives says that an image has a manifest, but its layers are archives whose digests
// as blobs nobody states: the local storage of an engine keeps the manifest of compressed
// blobs, and only what was in them.
func hasArchives(img *image.Image) bool {
	return img.Manifest != nil && slices.ContainsFunc(img.Blobs, func(b blob.Blob) bool { return b.Digest == (v1.Hash{}) })
}

// withArchives names archives as the layers of a manifest, in the place of blobs, as skopeo
// does (containers/image, storage/storage_src.go). A layer that is stated so stays as it is.
func withArchives(manifest []byte, archives []v1.Descriptor) ([]byte, error) {
	return document.Edit(manifest, func(old json.RawMessage) (json.RawMessage, error) {
		var layers []json.RawMessage
		if old == nil {
			return nil, nil
		}
		if err := document.Decode(old, &layers); err != nil {
			return nil, err
		}
		changed := false
		for i := range layers {
			edited, err := withArchive(layers[i], archives[i])
			if err != nil {
				return nil, err
			}
			changed = changed || string(edited) != string(layers[i])
			layers[i] = edited
		}
		if !changed {
			return old, nil
		}
		return document.Marshal(layers)
	}, "layers")
}

// withArchive names an archive in a descriptor. What is said of another blob goes.
func withArchive(layer json.RawMessage, archive v1.Descriptor) (json.RawMessage, error) {
	var stated v1.Descriptor
	if err := document.Decode(layer, &stated); err != nil || stated.Digest == archive.Digest {
		return layer, err
	}
	gone := func(json.RawMessage) (json.RawMessage, error) { return nil, nil }
	for _, field := range []struct {
		name string
		edit func(json.RawMessage) (json.RawMessage, error)
	}{
		{"mediaType", document.Set(layerType(tarfile.Uncompressed))},
		{"digest", document.Set(archive.Digest)},
		{"size", document.Set(archive.Size)},
		{"urls", gone},
		{"data", gone},
		{"annotations", document.EditStrings(func(annotations map[string]string) { maps.DeleteFunc(annotations, isOfCompression) })},
	} {
		edited, err := document.Edit(layer, field.edit, field.name)
		if err != nil {
			return nil, err
		}
		layer = edited
	}
	return layer, nil
}

// ofArchive are the annotations of a blob that hold for the archive in it.
func ofArchive(annotations map[string]string) map[string]string {
	annotations = maps.Clone(annotations)
	maps.DeleteFunc(annotations, isOfCompression)
	return annotations
}

// isOfCompression says that an annotation is about how a blob is compressed.
func isOfCompression(key, _ string) bool {
	return strings.HasPrefix(key, "io.github.containers.zstd-chunked.") || strings.HasPrefix(key, "io.containers.zstd-chunked.")
}
