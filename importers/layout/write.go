package layout

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/renameio/v2"
	"golang.org/x/sync/errgroup"

	"cfsverify/importers/blob"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
	"cfsverify/importers/source"
)

// Writer adds an image to an OCI layout. Nothing of the layout changes
// before Commit: blobs are staged in a directory of their own in it. Blobs that
// are there are replaced by the same ones, so that a layout can be its own
// source, and a damaged blob is mended.
type Writer struct {
	Target  source.Source
	staging string
	// made says that the directory was not there.
	made bool
	// attached are listed besides the image, replaced no longer.
	attached []v1.Descriptor
	replaced []v1.Hash
}

const stagingPrefix = source.Staging

// NewWriter prepares the writing of an image to a layout, which is made if it
// is not there. The caller closes the writer.
func NewWriter(target source.Source) (*Writer, error) {
	w := &Writer{Target: target, made: !exists(target.Path)}
	if err := os.MkdirAll(target.Path, 0o755); err != nil {
		return nil, w.fail(err)
	}
	if _, err := readIndexFile(target.Path); err != nil {
		return nil, err
	}
	var err error
	w.staging, err = os.MkdirTemp(target.Path, stagingPrefix)
	return w, w.fail(err)
}

// Close removes what was not committed.
func (w *Writer) Close() error {
	err := os.RemoveAll(w.staging)
	if w.made {
		// One that was written to stays.
		_ = os.Remove(w.Target.Path)
	}
	return err
}

// WriteBlob stages what write gives it, and tells its digest and size.
func (w *Writer) WriteBlob(mediaType types.MediaType, write func(io.Writer) error) (v1.Descriptor, error) {
	f, err := os.CreateTemp(w.staging, "new-")
	if err != nil {
		return v1.Descriptor{}, w.fail(err)
	}
	staged := stagedBlob{layout: w, file: f, sum: sha256.New()}
	err = write(&staged)
	if err == nil {
		err = w.fail(f.Chmod(0o644))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return v1.Descriptor{}, err
	}
	d := v1.Descriptor{MediaType: mediaType, Size: staged.size, Digest: blob.SumDigest(staged.sum)}
	name := filepath.Join(w.staging, blobName(d.Digest))
	if err = os.MkdirAll(filepath.Dir(name), 0o755); err == nil {
		err = os.Rename(f.Name(), name)
	}
	return d, w.fail(err)
}

// fail names the layout in an error in place of a temporary file.
func (w *Writer) fail(err error) error {
	var path *os.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q cannot be written: %w", w.Target.Path, err)
}

// stagedBlob hashes and counts what is written.
type stagedBlob struct {
	layout *Writer
	file   *os.File
	sum    hash.Hash
	size   int64
}

func (b *stagedBlob) Write(p []byte) (int, error) {
	n, err := b.file.Write(p)
	b.sum.Write(p[:n])
	b.size += int64(n)
	return n, b.layout.fail(err)
}

// WriteBytes stages a config or manifest.
func (w *Writer) WriteBytes(mediaType types.MediaType, data []byte) (v1.Descriptor, error) {
	return w.WriteBlob(mediaType, func(to io.Writer) error {
		_, err := to.Write(data)
		return err
	})
}

// Image opens the image whose manifest was staged.
func (w *Writer) Image(manifest v1.Descriptor) (*image.Image, error) {
	layout := Below(w.staging)
	raw, err := layout.read(manifest.Digest)
	if err != nil {
		return nil, err
	}
	return image.Verified(w.Target, raw, manifest, layout.parts(), nil)
}

// Attach has Commit list an artifact, which was staged, besides the image, and no
// longer what it replaces.
func (w *Writer) Attach(artifact v1.Descriptor, replaced ...v1.Hash) {
	w.attached = append(w.attached, artifact)
	w.replaced = append(w.replaced, replaced...)
}

// Artifacts finds those about an image that the layout has already.
func (w *Writer) Artifacts(ctx context.Context, image v1.Hash) ([]image.Artifact, error) {
	if !exists(filepath.Join(w.Target.Path, "index.json")) {
		return nil, nil
	}
	return Below(w.Target.Path).Artifacts(ctx, image)
}

// Commit moves the blobs to their places, and then lets the index name the image.
// As with skopeo, another image that had the tag stays without it, and one
// without a tag is listed beside the others.
func (w *Writer) Commit(manifest v1.Descriptor) error {
	index, err := readIndexFile(w.Target.Path)
	if err != nil {
		return err
	}
	if err := index.add(manifest, w.Target.Ref); err != nil {
		return err
	}
	for _, artifact := range w.attached {
		if err := index.add(artifact, ""); err != nil {
			return err
		}
	}
	if err := index.remove(w.replaced); err != nil {
		return err
	}
	data, err := document.Marshal(index.fields)
	if err != nil {
		return err
	}
	if err := w.move(); err != nil {
		return w.fail(err)
	}
	if name := filepath.Join(w.Target.Path, "oci-layout"); !exists(name) {
		if err := w.replace(name, []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
			return w.fail(err)
		}
	}
	return w.fail(w.replace(filepath.Join(w.Target.Path, "index.json"), data))
}

// move gives the staged blobs their places.
func (w *Writer) move() error {
	staged, err := fs.Glob(os.DirFS(w.staging), "blobs/*/*")
	if err != nil {
		return err
	}
	if err := w.sync(staged); err != nil {
		return err
	}
	for _, blob := range staged {
		name := filepath.Join(w.Target.Path, blob)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(w.staging, blob), name); err != nil {
			return err
		}
	}
	return nil
}

// sync has staged blobs on the disk before anything names them: many at once, which
// a file system can do together.
func (w *Writer) sync(staged []string) error {
	var group errgroup.Group
	group.SetLimit(16)
	for _, blob := range staged {
		group.Go(func() error {
			f, err := os.Open(filepath.Join(w.staging, blob))
			if err != nil {
				return err
			}
			return errors.Join(f.Sync(), f.Close())
		})
	}
	return group.Wait()
}

func (w *Writer) replace(name string, data []byte) error {
	return renameio.WriteFile(name, data, 0o644, renameio.WithTempDir(w.staging), renameio.WithExistingPermissions())
}
