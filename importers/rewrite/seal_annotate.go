package rewrite

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
	"cfsverify/importers/document"
)

// label puts the merged image's digest in the config.
func (s *Sealer) label(config []byte) ([]byte, error) {
	config, err := document.Edit(config, document.EditStrings(func(labels map[string]string) {
		labels[seal.LabelKey] = s.digests.Merged.String()
	}), "config", "Labels")
	if err != nil {
		return nil, fmt.Errorf("the config is not valid: %w", err)
	}
	s.add(seal.Label, "", 0, seal.LabelKey, s.digests.Merged)
	return config, nil
}

// annotate names the config in the manifest, and puts the annotations in it if
// they are wanted.
func (s *Sealer) annotate(manifest []byte, config v1.Descriptor, sum fsverity.Digest) ([]byte, error) {
	manifest, err := s.setConfig(manifest, config)
	if err != nil || !s.options.Places.Annotations {
		return manifest, err
	}
	manifest, err = document.Edit(manifest, document.EditStrings(func(annotations map[string]string) {
		s.set(annotations, seal.ManifestAnnotation, 0, seal.Merged, s.digests.Merged)
		s.set(annotations, seal.ManifestAnnotation, 0, seal.Bootable, s.digests.Bootable)
	}), "annotations")
	if err != nil {
		return nil, err
	}
	manifest, err = document.Edit(manifest, document.EditStrings(func(annotations map[string]string) {
		s.set(annotations, seal.ConfigAnnotation, 0, seal.Config, sum)
	}), "config", "annotations")
	if err != nil {
		return nil, err
	}
	return document.Edit(manifest, s.annotateLayers, "layers")
}

func (s *Sealer) annotateLayers(old json.RawMessage) (json.RawMessage, error) {
	var layers []json.RawMessage
	if old != nil {
		if err := document.Decode(old, &layers); err != nil {
			return nil, err
		}
	}
	before := slices.Clone(layers)
	for i := range layers {
		var err error
		layers[i], err = document.Edit(layers[i], document.EditStrings(func(annotations map[string]string) {
			s.set(annotations, seal.LayerAnnotation, i+1, seal.Layer, s.alone[i])
		}), "annotations")
		if err != nil {
			return nil, err
		}
	}
	if slices.EqualFunc(before, layers, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
		return old, nil
	}
	return document.Marshal(layers)
}

// setConfig names the config in the manifest. What was said of another one goes.
func (s *Sealer) setConfig(manifest []byte, config v1.Descriptor) ([]byte, error) {
	return document.Edit(manifest, func(old json.RawMessage) (json.RawMessage, error) {
		var stated v1.Descriptor
		if err := document.Decode(old, &stated); err != nil || stated.Digest == config.Digest {
			return old, err
		}
		edited, err := document.Edit(old, document.Set(config.Digest), "digest")
		if err == nil {
			edited, err = document.Edit(edited, document.Set(config.Size), "size")
		}
		if err == nil {
			edited, err = document.Edit(edited, func(json.RawMessage) (json.RawMessage, error) { return nil, nil }, "data")
		}
		if err != nil {
			return nil, err
		}
		return document.Edit(edited, document.EditStrings(func(annotations map[string]string) {
			dropped := dropSeals(annotations, func(k seal.Key) bool { return k.Role == seal.Config })
			own := seal.AnnotationKey(seal.Config, s.options.Hash)
			s.sealed.Stale = slices.DeleteFunc(dropped, func(key string) bool { return s.options.Places.Annotations && key == own })
		}), "annotations")
	}, "config")
}

// set puts the digest of what has a role in annotations, none if it is zero.
func (s *Sealer) set(annotations map[string]string, place seal.Place, layer int, role seal.Role, digest fsverity.Digest) {
	key := seal.AnnotationKey(role, s.options.Hash)
	if annotations[key] != digest.String() {
		// A signature would be one of the old digest.
		dropSeals(annotations, func(k seal.Key) bool { return k.Role == role && k.Algorithm == s.options.Hash })
	}
	if digest.IsZero() {
		return
	}
	annotations[key] = digest.String()
	s.add(place, "", layer, key, digest)
}

// dropSeals removes annotations of seals, and gives their keys in order.
func dropSeals(annotations map[string]string, drop func(seal.Key) bool) []string {
	var dropped []string
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		if k, found, err := seal.ParseKey(key); found && err == nil && drop(k) {
			delete(annotations, key)
			dropped = append(dropped, key)
		}
	}
	return dropped
}
