package main

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/compression"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// inputs makes what is measured, each when it is first wanted.
type inputs struct {
	ctx  context.Context
	dir  string
	base string
}

func (in *inputs) path(name string) string { return filepath.Join(in.dir, name) }

// once makes a file or directory under another name first, unless it is there.
func (in *inputs) once(name string, make func(path string) error) (string, error) {
	path := in.path(name)
	if _, err := os.Lstat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if err := os.RemoveAll(path + ".new"); err != nil {
		return "", err
	}
	if err := make(path + ".new"); err != nil {
		return "", err
	}
	return path, os.Rename(path+".new", path)
}

// command runs a program that makes an input.
func (in *inputs) command(args ...string) error {
	if out, err := exec.CommandContext(in.ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%q: %w\n%s", args, err, out)
	}
	return nil
}

func (in *inputs) debianTar() (string, error) {
	if in.base != "" {
		return in.base, nil
	}
	return in.once("debian.tar", func(path string) error {
		return in.command("mmdebstrap", "--format=tar", "--variant=important", "stable", path)
	})
}

func (in *inputs) debianRoot() (string, error) {
	base, err := in.debianTar()
	if err != nil {
		return "", err
	}
	return in.once("debian", func(path string) error {
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		return in.command("tar", "-C", path, "--xattrs", "--xattrs-include=*", "-xpf", base)
	})
}

// image makes an OCI layout of the Debian root, in so many layers of about the
// same size, and gives the layers' blobs.
func (in *inputs) image(layers int, compressed compression.Compression) (string, []string, error) {
	base, err := in.debianTar()
	if err != nil {
		return "", nil, err
	}
	image, err := in.once(fmt.Sprintf("image-%d-%s", layers, compressed), func(path string) error {
		return in.makeImage(path, base, layers, compressed)
	})
	if err != nil {
		return "", nil, err
	}
	index, err := layout.ImageIndexFromPath(image)
	if err != nil {
		return "", nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return "", nil, err
	}
	img, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		return "", nil, err
	}
	m, err := img.Manifest()
	if err != nil {
		return "", nil, err
	}
	var blobs []string
	for _, l := range m.Layers {
		blobs = append(blobs, filepath.Join(image, "blobs", l.Digest.Algorithm, l.Digest.Hex))
	}
	return image, blobs, nil
}

// stored is the Debian root in a local storage, as an image of one layer that was pulled
// with gzip, and where the storage is.
func (in *inputs) stored() (image, store string, err error) {
	layout, _, err := in.image(1, compression.GZip)
	if err != nil {
		return "", "", err
	}
	const name = "localhost/debian:1"
	spec := func(path string) string { return "containers-storage:[overlay@" + path + "+" + in.path("run") + "]" }
	store, err = in.once("store", func(path string) error {
		err := in.command("skopeo", "--insecure-policy", "copy", "oci:"+layout, spec(path)+name)
		// containers/storage leaves a mount there.
		return errors.Join(err, in.command("umount", filepath.Join(path, "overlay")))
	})
	return spec(store) + name, store, err
}

func (in *inputs) makeImage(path, base string, layers int, compressed compression.Compression) error {
	parts, err := in.split(base, layers)
	if err != nil {
		return err
	}
	img := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
	mediaType := types.OCILayer
	if compressed == compression.ZStd {
		mediaType = types.OCILayerZStd
	}
	for _, part := range parts {
		l, err := tarball.LayerFromFile(part, tarball.WithCompression(compressed), tarball.WithMediaType(mediaType))
		if err != nil {
			return err
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			return err
		}
	}
	out, err := layout.Write(path, empty.Index)
	if err != nil {
		return err
	}
	return out.AppendImage(img)
}

// split makes archives of about the same size of one.
func (in *inputs) split(base string, layers int) ([]string, error) {
	if layers == 1 {
		return []string{base}, nil
	}
	f, err := os.Open(base)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var parts []string
	r := tar.NewReader(bufio.NewReader(f))
	for i, end := 0, false; i < layers && !end; i++ {
		part := in.path(fmt.Sprintf("part-%d-of-%d.tar", i+1, layers))
		parts = append(parts, part)
		size := stat.Size() / int64(layers)
		if i == layers-1 {
			size = stat.Size()
		}
		if end, err = copyEntries(part, r, size); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// copyEntries copies entries until they have so many bytes.
func copyEntries(path string, r *tar.Reader, size int64) (end bool, err error) {
	err = write(path, func(out *bufio.Writer) error {
		w := tar.NewWriter(out)
		for size > 0 {
			h, err := r.Next()
			if err == io.EOF {
				end = true
				break
			}
			if err != nil {
				return err
			}
			if err := w.WriteHeader(h); err != nil {
				return err
			}
			n, err := io.Copy(w, r)
			if err != nil {
				return err
			}
			size -= 512 + n
		}
		return w.Close()
	})
	return end, err
}

func write(path string, content func(w *bufio.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := content(w); err != nil {
		return err
	}
	return w.Flush()
}
