package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon/printable"
	"cfsverify/importers/image"
	"cfsverify/importers/source"
)

// Image is an image of the local storage.
type Image struct {
	*image.Image
	// Layers are those that were unpacked, lowest first.
	Layers []*Layer
	// MountProgram: the engine mounts images of its own store by a program such as
	// fuse-overlayfs.
	MountProgram bool

	where place
}

// Open opens the image that a source names. Its manifest is the one that was pulled, which
// may state compressed blobs; what Blobs open are the archives as they were before.
func Open(ctx context.Context, s source.Source, platform *v1.Platform) (*Image, error) {
	where, err := find(s)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	stores, err := openStores(ctx, where)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	defer unlock(stores)
	found, err := lookUp(stores, s)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	raw, digest, err := found.readManifest()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	verified, err := found.verified(s, raw, digest, platform)
	if err != nil {
		return nil, err
	}
	img := &Image{Image: verified, where: where}
	if img.MountProgram, err = hasMountProgram(stores[0].root); err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	if img.Layers, err = openLayers(stores, found.image.Layer); err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	img.Close = img.close
	if len(img.Blobs) != len(img.Layers) {
		err := fmt.Errorf("%v: the manifest has %d layers, and the storage %d", s, len(img.Blobs), len(img.Layers))
		return nil, errors.Join(err, img.Close())
	}
	for i, l := range img.Layers {
		b := &img.Blobs[i]
		b.Layer.Digest, b.Digest, b.Size = "", v1.Hash{}, -1
		b.Open, b.Place = l.openArchive, l.place
	}
	return img, nil
}

// find says where the stores are that a source names, or that are configured.
func find(s source.Source) (where place, err error) {
	if s.Path != "" {
		where, err = parseSpec(s.Path)
	} else {
		where, err = configured()
	}
	if err != nil {
		return place{}, err
	}
	if where.driver != "" && where.driver != "overlay" && where.driver != "overlay2" {
		return place{}, fmt.Errorf("the storage is of the driver %s: only that of overlay can be read", printable.Text(where.driver))
	}
	for _, dir := range where.stores {
		if !filepath.IsAbs(dir.path) {
			return place{}, fmt.Errorf("path name %q is not absolute", dir.path)
		}
	}
	return where, nil
}

// openStores opens and locks the stores in a place.
func openStores(ctx context.Context, where place) ([]*store, error) {
	var stores []*store
	for _, dir := range where.stores {
		opened, err := openStore(ctx, dir.path)
		var missing *NoStoreError
		switch {
		case errors.As(err, &missing) && dir.optional:
			continue
		case err != nil:
			unlock(stores)
			return nil, err
		}
		stores = append(stores, opened)
	}
	return stores, nil
}

func unlock(stores []*store) {
	for _, s := range stores {
		s.unlock()
	}
}

// close closes what the layers have open.
func (img *Image) close() error {
	var err error
	for _, l := range img.Layers {
		err = errors.Join(err, l.close())
	}
	return err
}

// readManifest reads the manifest, or the list of manifests whose digest was named.
func (n named) readManifest() ([]byte, v1.Hash, error) {
	key, digest := "manifest", n.manifest
	if digest != (v1.Hash{}) {
		key = n.image.manifestKey(digest)
	} else {
		var err error
		if digest, err = n.image.statedManifest(); err != nil {
			return nil, digest, err
		}
	}
	raw, err := readDocument(n.store.dataFile(n.image, key))
	if err == nil {
		err = image.VerifyBytes("manifest", raw, digest, int64(len(raw)))
	}
	return raw, digest, err
}

// verified is the image of a manifest, or of a list of them.
func (n named) verified(s source.Source, raw []byte, digest v1.Hash, platform *v1.Platform) (*image.Image, error) {
	parts := image.Parts{Document: n.document, Open: func(v1.Descriptor) (io.ReadCloser, error) { return nil, fs.ErrNotExist }}
	index, err := image.ParseIndex(raw, "")
	if err != nil || n.manifest == (v1.Hash{}) {
		return image.Verified(s, raw, v1.Descriptor{Digest: digest}, parts, platform)
	}
	// Of those that it lists, the storage has the one that was pulled.
	index.Manifests = slices.DeleteFunc(index.Manifests, func(d v1.Descriptor) bool { return n.image.manifestKey(d.Digest) == "" })
	return image.FromIndex(s, index, parts, "", platform)
}

// statedManifest is the digest that the storage states of the manifest.
func (i *imageRecord) statedManifest() (v1.Hash, error) {
	stated := i.DataDigests["manifest"]
	if stated == "" {
		stated = i.Digest
	}
	digest, err := v1.NewHash(stated)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("the storage has no valid digest of the manifest of %q: %q", i, stated)
	}
	return digest, nil
}

// document reads a manifest or config.
func (n named) document(d v1.Descriptor) ([]byte, error) {
	key := n.image.manifestKey(d.Digest)
	if key == "" {
		// The config has its digest for a key. The ID of an image can be another one.
		key = d.Digest.String()
	}
	return readDocument(n.store.dataFile(n.image, key))
}

// Has says that the stores have the image that a source names. Whatever keeps them from
// being read, it is not there.
func Has(ctx context.Context, s source.Source) bool {
	where, err := find(s)
	if err != nil {
		return false
	}
	stores, err := openStores(ctx, where)
	if err != nil {
		return false
	}
	defer unlock(stores)
	_, err = lookUp(stores, s)
	return err == nil
}
