package importers

import (
	"encoding/json"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
)

// attach writes the artifact with the digests of the image, manifest and config.
func (s *sealer) attach(digests map[seal.Role]fsverity.Digest) error {
	empty, err := s.out.WriteBytes(types.OCIEmptyJSON, []byte("{}"))
	if err != nil {
		return err
	}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: seal.ArtifactType, Config: empty, Subject: &s.sealed.Manifest}
	values := map[string]string{}
	// The draft has them in this order.
	var roles []seal.Role
	for _, role := range []seal.Role{seal.Manifest, seal.Config, seal.Merged, seal.Bootable} {
		if digests[role].IsZero() {
			continue
		}
		roles = append(roles, role)
		key, layer := seal.AnnotationKey(role, s.options.Hash), empty
		values[key] = digests[role].String()
		layer.Annotations = map[string]string{key: values[key]}
		m.Layers = append(m.Layers, layer)
	}
	data, err := plainJSON(m)
	if err != nil {
		return err
	}
	artifact, err := s.out.WriteBytes(types.OCIManifestSchema1, data)
	if err != nil {
		return err
	}
	artifact.ArtifactType, s.sealed.Artifact = seal.ArtifactType, &artifact
	for _, role := range roles {
		s.add(seal.Artifact, artifact.Digest.String(), 0, seal.AnnotationKey(role, s.options.Hash), digests[role])
	}
	s.sealed.Replaced, err = s.out.contradicting(s.sealed.Manifest.Digest, values)
	if err != nil {
		return err
	}
	s.out.Attach(artifact, s.sealed.Replaced...)
	return nil
}

// contradicting finds artifacts in the layout that are about the same image, and
// have another digest for one of the keys. One that cannot be read is not known
// to be such.
func (w *LayoutWriter) contradicting(subject v1.Hash, values map[string]string) ([]v1.Hash, error) {
	index, err := readIndexFile(w.target.Path)
	if err != nil {
		return nil, err
	}
	var found []v1.Hash
	for _, listed := range index.manifests {
		var digest v1.Hash
		if string(listed["artifactType"]) != `"`+seal.ArtifactType+`"` || json.Unmarshal(listed["digest"], &digest) != nil {
			continue
		}
		var m v1.Manifest
		raw, err := layoutBelow(w.target.Path).read(digest)
		if err != nil || json.Unmarshal(raw, &m) != nil || m.Subject == nil || m.Subject.Digest != subject {
			continue
		}
		if contradicts(m.Layers, values) {
			found = append(found, digest)
		}
	}
	return found, nil
}

func contradicts(layers []v1.Descriptor, values map[string]string) bool {
	for _, layer := range layers {
		for key, value := range layer.Annotations {
			if values[key] != "" && values[key] != value {
				return true
			}
		}
	}
	return false
}
