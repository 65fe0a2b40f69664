package storage

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cfsverify/canon/printable"
	"cfsverify/importers/document"
)

// store is what one store says that it has.
type store struct {
	root   string
	images []imageRecord
	layers map[string]layerRecord
	locks  []readLock
}

// imageRecord is one of images.json.
type imageRecord struct {
	ID     string   `json:"id"`
	Digest string   `json:"digest"`
	Names  []string `json:"names"`
	// Layer is the topmost one, empty for an image without layers.
	Layer string `json:"layer"`
	// DataDigests are those of the image's documents, by their keys.
	DataDigests map[string]string `json:"big-data-digests"`
}

// layerRecord is one of layers.json. What it says of digests proves nothing: for partial
// pulls by containers/storage before 1.46 it is that of the compressed blob.
type layerRecord struct {
	ID     string `json:"id"`
	Parent string `json:"parent"`
	Flags  struct {
		Incomplete bool `json:"incomplete"`
	} `json:"flags"`
	UIDs []IDMap `json:"uidmap"`
	GIDs []IDMap `json:"gidmap"`
}

// IDMap says which IDs of a host stand for those in a layer.
type IDMap struct {
	Container uint32 `json:"container_id"`
	Host      uint32 `json:"host_id"`
	Size      uint32 `json:"size"`
}

// Names below the graph root.
const (
	imagesDir = "overlay-images"
	layersDir = "overlay-layers"
	filesDir  = "overlay"
)

// openStore reads what a store has, and keeps its locks until unlock.
func openStore(ctx context.Context, root string) (*store, error) {
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return nil, &NoStoreError{root}
	} else if err != nil {
		return nil, err
	}
	s := &store{root: root, layers: map[string]layerRecord{}}
	err := checkDriver(root)
	if err == nil {
		err = s.read(ctx)
	}
	if err != nil {
		s.unlock()
	}
	if owner := ownerOf(root); errors.Is(err, fs.ErrPermission) && owner != os.Geteuid() {
		err = fmt.Errorf("%w: the store is of user %d", err, owner)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// NoStoreError says that there is no store in a place.
type NoStoreError struct{ Root string }

func (e *NoStoreError) Error() string {
	return fmt.Sprintf("there is no store %s: name another one as containers-storage:[overlay@PATH]NAME", printable.Text(e.Root))
}

// checkDriver refuses a store that another driver made.
func checkDriver(root string) error {
	if _, err := os.Stat(filepath.Join(root, imagesDir)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if driver, found := strings.CutSuffix(e.Name(), "-images"); found {
			return fmt.Errorf("the store %s is of the driver %s: only those of overlay can be read", printable.Text(root), printable.Text(driver))
		}
	}
	return nil
}

func (s *store) read(ctx context.Context) error {
	if err := s.readList(ctx, imagesDir, "images", &s.images); err != nil {
		return err
	}
	var layers []layerRecord
	if err := s.readList(ctx, layersDir, "layers", &layers); err != nil {
		return err
	}
	for _, image := range s.images {
		if err := checkID(image.ID); err != nil {
			return fmt.Errorf("%s: %w", printable.Text(filepath.Join(s.root, imagesDir, "images.json")), err)
		}
	}
	for _, layer := range layers {
		err := checkID(layer.ID)
		if _, twice := s.layers[layer.ID]; twice && err == nil {
			err = fmt.Errorf("the layer %q is there twice, and readers differ about which counts", layer.ID)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", printable.Text(filepath.Join(s.root, layersDir, "layers.json")), err)
		}
		s.layers[layer.ID] = layer
	}
	return nil
}

// readList reads one of the lists, under its lock.
func (s *store) readList(ctx context.Context, dir, name string, to any) error {
	dir = filepath.Join(s.root, dir)
	lock, err := lockFile(ctx, filepath.Join(dir, name+".lock"))
	if err != nil {
		return err
	}
	s.locks = append(s.locks, lock)
	file := filepath.Join(dir, name+".json")
	raw, err := readDocument(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	if err := document.Decode(raw, to); err != nil {
		return fmt.Errorf("%s is not valid: %w", printable.Text(file), err)
	}
	return nil
}

// unlock lets others change the store.
func (s *store) unlock() {
	for _, lock := range s.locks {
		lock.unlock()
	}
	s.locks = nil
}

// checkID refuses an ID that is no plain name of a file.
func checkID(id string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	if strings.Trim(id, ".") == "" || strings.Trim(id, letters) != "" {
		return fmt.Errorf("%q is no ID", id)
	}
	return nil
}

// dataFile is where an image has the document of a key, as containers/storage names it
// (store.go, makeBigDataBaseName).
func (s *store) dataFile(image *imageRecord, key string) string {
	plain := strings.IndexFunc(key, func(r rune) bool { return r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }) < 0
	if !plain {
		key = "=" + base64.StdEncoding.EncodeToString([]byte(key))
	}
	return filepath.Join(s.root, imagesDir, image.ID, key)
}
