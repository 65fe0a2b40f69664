package layout

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/importers/document"
	"cfsverify/importers/image"
)

// indexFile is the index.json of a layout. What is not known in it stays.
type indexFile struct {
	fields    map[string]json.RawMessage
	manifests []map[string]json.RawMessage
}

// readIndexFile reads the index of a layout, and makes one for a directory in
// which there is nothing but what a Writer stages.
func readIndexFile(dir string) (*indexFile, error) {
	raw := []byte(`{"schemaVersion":2,"mediaType":"` + types.OCIImageIndex + `","manifests":[]}`)
	if exists(filepath.Join(dir, "index.json")) {
		var err error
		if raw, err = document.Read(Below(dir).Open, "index.json"); err != nil {
			return nil, err
		}
	} else if entries, err := os.ReadDir(dir); err != nil {
		return nil, err
	} else if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), stagingPrefix) }) {
		return nil, fmt.Errorf("%s is neither an OCI image layout nor empty: name another directory", dir)
	}
	index := &indexFile{}
	_, err := image.ParseIndex(raw, "")
	if err == nil {
		err = document.Decode(raw, &index.fields)
	}
	if list := index.fields["manifests"]; err == nil && list != nil {
		err = document.Decode(list, &index.manifests)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: index.json is not valid: %w", dir, err)
	}
	return index, nil
}

// add lists an image under a tag, or none. As with skopeo, another image that
// had the tag stays in the list without it.
func (x *indexFile) add(added v1.Descriptor, tag string) error {
	if tag != "" {
		added.Annotations = map[string]string{image.NameAnnotations[0]: tag}
	}
	var left []map[string]json.RawMessage
	at := -1
	for _, m := range x.manifests {
		named, err := untag(m, tag)
		if err != nil {
			return err
		}
		if !named && at < 0 && isOf(m, added.Digest) {
			at = len(left)
			continue
		}
		left = append(left, m)
	}
	if at < 0 {
		at = len(left)
	}
	entry, err := document.Marshal(added)
	if err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := document.Decode(entry, &fields); err != nil {
		return err
	}
	x.manifests = slices.Insert(left, at, fields)
	x.fields["manifests"], err = document.Marshal(x.manifests)
	return err
}

// remove takes what has one of the digests off the list.
func (x *indexFile) remove(digests []v1.Hash) (err error) {
	x.manifests = slices.DeleteFunc(x.manifests, func(m map[string]json.RawMessage) bool {
		return slices.ContainsFunc(digests, func(d v1.Hash) bool { return isOf(m, d) })
	})
	x.fields["manifests"], err = document.Marshal(x.manifests)
	return err
}

// isOf says that a descriptor has a digest, however that is written.
func isOf(descriptor map[string]json.RawMessage, digest v1.Hash) bool {
	var have v1.Hash
	return document.Decode(descriptor["digest"], &have) == nil && have == digest
}

// untag takes a tag off a descriptor, and says whether it has another one.
func untag(descriptor map[string]json.RawMessage, tag string) (named bool, err error) {
	if descriptor["annotations"] == nil {
		return false, nil
	}
	var annotations map[string]string
	if err := document.Decode(descriptor["annotations"], &annotations); err != nil {
		return false, err
	}
	for _, key := range image.NameAnnotations {
		if annotations[key] == tag {
			delete(annotations, key)
		}
		named = named || annotations[key] != ""
	}
	delete(descriptor, "annotations")
	if len(annotations) > 0 {
		descriptor["annotations"], err = document.Marshal(annotations)
	}
	return named, err
}
