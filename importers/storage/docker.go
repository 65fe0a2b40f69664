package storage

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/importers/document"
	"cfsverify/importers/image"
	"cfsverify/importers/source"
)

// Names below docker's data root, with the storage driver overlay2.
const (
	dockerImages  = "image/overlay2"
	dockerConfigs = dockerImages + "/imagedb/content/sha256"
	dockerLayers  = dockerImages + "/layerdb/sha256"
	dockerFiles   = "overlay2"
)

// OpenDocker opens the image that a source names and docker has. As with docker save, it has
// no manifest, and its layers are those that the config's diffIDs name.
func OpenDocker(s source.Source, platform *v1.Platform) (*Image, error) {
	img, err := openDocker(s, platform)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	return img, nil
}

func openDocker(s source.Source, platform *v1.Platform) (*Image, error) {
	root := s.Path
	if root == "" {
		var err error
		if root, err = dockerRoot(); err != nil {
			return nil, err
		}
	}
	if !filepath.IsAbs(root) {
		return nil, fmt.Errorf("path name %q is not absolute", root)
	}
	have, err := dockerStore(root)
	if err != nil {
		return nil, err
	}
	found, err := lookUp([]*store{have}, s)
	if err != nil {
		return nil, err
	}
	raw, err := readDocument(filepath.Join(root, dockerConfigs, found.image.ID))
	if err != nil {
		return nil, err
	}
	if err := image.VerifyBytes("config", raw, v1.Hash{Algorithm: "sha256", Hex: found.image.ID}, int64(len(raw))); err != nil {
		return nil, err
	}
	config, err := image.ParseConfig(raw)
	if err != nil {
		return nil, fmt.Errorf("the config %q is not valid: %w", found.image.ID, err)
	}
	img := &Image{}
	if img.Layers, err = dockerChain(root, config.RootFS.DiffIDs); err != nil {
		return nil, errors.Join(err, img.close())
	}
	var open []func() (io.ReadCloser, error)
	for _, l := range img.Layers {
		open = append(open, l.openArchive)
	}
	if img.Image, err = image.WithoutManifest(raw, config, platform, open); err != nil {
		return nil, errors.Join(err, img.close())
	}
	for i, l := range img.Layers {
		img.Blobs[i].Place = l.place
	}
	img.Close = img.close
	return img, nil
}

// dockerRoot is where docker has its data: that of root unless daemon.json says another
// place, or the user's own.
func dockerRoot() (string, error) {
	if os.Geteuid() != 0 {
		return filepath.Join(environment{getenv: os.Getenv}.home("XDG_DATA_HOME", ".local/share"), "docker"), nil
	}
	raw, err := os.ReadFile("/etc/docker/daemon.json")
	if errors.Is(err, fs.ErrNotExist) {
		return "/var/lib/docker", nil
	}
	var daemon struct {
		DataRoot string `json:"data-root"`
	}
	if err == nil {
		err = document.Decode(raw, &daemon)
	}
	if err != nil {
		return "", fmt.Errorf("/etc/docker/daemon.json: %w", err)
	}
	if daemon.DataRoot == "" {
		return "/var/lib/docker", nil
	}
	return daemon.DataRoot, nil
}

// dockerStore reads which images docker has. Nothing is locked: docker keeps its lists in
// memory, and replaces the file as a whole.
func dockerStore(root string) (*store, error) {
	names := filepath.Join(root, dockerImages, "repositories.json")
	raw, err := readDocument(names)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NoDockerError{root}
	}
	if err != nil {
		return nil, err
	}
	var list struct {
		Repositories map[string]map[string]string `json:"Repositories"`
	}
	if err := document.Decode(raw, &list); err != nil {
		return nil, fmt.Errorf("%q is not valid: %w", names, err)
	}
	configs, err := os.ReadDir(filepath.Join(root, dockerConfigs))
	if err != nil {
		return nil, err
	}
	s := &store{root: root}
	for _, config := range configs {
		s.images = append(s.images, imageRecord{ID: config.Name(), DataDigests: map[string]string{}})
	}
	for _, repository := range slices.Sorted(maps.Keys(list.Repositories)) {
		for _, name := range slices.Sorted(maps.Keys(list.Repositories[repository])) {
			s.addName(name, list.Repositories[repository][name])
		}
	}
	return s, nil
}

// addName gives an image of docker's a name, which may have the digest of its manifest. Names
// are stored as docker shows them, without docker.io.
func (s *store) addName(name, id string) {
	i := slices.IndexFunc(s.images, func(image imageRecord) bool { return "sha256:"+image.ID == id })
	if i < 0 {
		return
	}
	if _, digest, found := strings.Cut(name, "@"); found {
		s.images[i].DataDigests["manifest-"+digest] = digest
	}
	s.images[i].Names = append(s.images[i].Names, normalise(name))
}

// NoDockerError says that docker does not keep images in a place, as far as can be read.
type NoDockerError struct{ Root string }

func (e *NoDockerError) Error() string {
	return fmt.Sprintf("docker has no images of the storage driver overlay2 in %q: name its data root as docker-overlay2:[PATH]NAME, or, if docker keeps images in containerd's store, write the image to a FILE with docker save", e.Root)
}

// dockerChain opens the layers with these diffIDs, each of which is found by the digest of
// those below it and its own: OCI image-spec, config.md, "Layer ChainID".
func dockerChain(root string, diffIDs []v1.Hash) ([]*Layer, error) {
	var layers []*Layer
	chain := ""
	for _, diffID := range diffIDs {
		if chain == "" {
			chain = diffID.String()
		} else {
			chain = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(chain+" "+diffID.String())))
		}
		dir := filepath.Join(root, dockerLayers, strings.TrimPrefix(chain, "sha256:"))
		cache, err := readDocument(filepath.Join(dir, "cache-id"))
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("docker has no layer %s", chain)
		}
		if err == nil {
			err = checkID(string(cache))
		}
		if err != nil {
			return layers, err
		}
		l := &Layer{ID: string(cache), Store: root, Diff: filepath.Join(root, dockerFiles, string(cache), "diff")}
		layers = append(layers, l)
		l.openFiles([]string{filepath.Join(dir, "tar-split.json.gz")})
	}
	return layers, nil
}
