package layout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sys/unix"

	"cfsverify/canon/printable"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
	"cfsverify/importers/outpath"
	"cfsverify/importers/source"
)

// Files of a layout: OCI image-spec, image-layout.md.
const (
	indexName  = "index.json"
	layoutName = "oci-layout"
)

// indexFile is the index.json of a layout. What is not known in it stays.
type indexFile struct {
	fields    map[string]json.RawMessage
	manifests []map[string]json.RawMessage
}

// readIndex reads the index.json of a layout, nil if there is none.
func readIndex(layout *os.Root) ([]byte, error) {
	raw, err := document.Read(func(name string) (io.ReadCloser, int64, error) { return openBelow(layout, name) }, indexName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return raw, err
}

// readIndexFile reads the index of a layout, raw as well, and makes one for a directory in
// which there is nothing but what a Writer stages.
func readIndexFile(layout *os.Root) (raw []byte, index *indexFile, err error) {
	if raw, err = readIndex(layout); err != nil {
		return nil, nil, err
	}
	if raw != nil {
		index, err = parseIndexFile(layout, raw)
		return raw, index, err
	}
	if err := checkEmpty(layout); err != nil {
		return nil, nil, err
	}
	index, err = parseIndexFile(layout, []byte(`{"schemaVersion":2,"mediaType":"`+types.OCIImageIndex+`","manifests":[]}`))
	return nil, index, err
}

func parseIndexFile(layout *os.Root, raw []byte) (*indexFile, error) {
	index := &indexFile{}
	_, err := image.ParseIndex(raw, "")
	if err == nil {
		err = document.Decode(raw, &index.fields)
	}
	if list := index.fields["manifests"]; err == nil && list != nil {
		err = document.Decode(list, &index.manifests)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: index.json is not valid: %w", printable.Text(layout.Name()), err)
	}
	return index, nil
}

// openBelow opens a regular file of a layout that is written, which is no symlink.
func openBelow(layout *os.Root, name string) (io.ReadCloser, int64, error) {
	if err := outpath.CheckNoLink(layout, name); err != nil {
		return nil, 0, err
	}
	info, err := layout.Lstat(name)
	switch {
	case err != nil:
		return nil, 0, err
	case !info.Mode().IsRegular():
		return nil, 0, fmt.Errorf("%s is no regular file", printable.Text(path.Join(layout.Name(), name)))
	}
	// Whatever became of the file since, opening it must not wait.
	f, err := layout.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// checkEmpty says that something is in a directory which is no layout.
func checkEmpty(layout *os.Root) error {
	dir, err := layout.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), source.Staging) }) {
		err = fmt.Errorf("%s is neither an OCI image layout nor empty: name another directory", printable.Text(layout.Name()))
	}
	return err
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
