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
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"cfsverify/importers/blob"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
	"cfsverify/importers/outpath"
	"cfsverify/importers/source"
	"cfsverify/importers/staging"
)

// Writer adds an image to an OCI layout. Nothing of the layout changes
// before Commit: blobs are staged in a directory of their own in it. Blobs that
// are there are replaced by the same ones, so that a layout can be its own
// source, and a damaged blob is mended. Nothing is written through symlinks in the layout.
type Writer struct {
	Target source.Source
	root   *os.Root
	staged *staging.Dir
	// files counts those that were begun.
	files   atomic.Int64
	close   func() error
	waiting Waiting
	// attached are listed besides the image, and what it replaces no longer.
	attached []attachment
}

type attachment struct {
	artifact v1.Descriptor
	replaced func(context.Context) ([]v1.Hash, error)
}

// NewWriter prepares the writing of an image to a layout, which is made if it
// is not there. The caller closes the writer.
func NewWriter(ctx context.Context, target source.Source, waiting Waiting) (*Writer, error) {
	w := &Writer{Target: target, waiting: waiting}
	made := !exists(target.Path)
	var err error
	if w.root, err = outpath.Directory(target.Path, true); err != nil {
		return nil, w.fail(err)
	}
	if err := w.stage(ctx); err != nil {
		return nil, errors.Join(err, w.root.Close())
	}
	w.close = sync.OnceValue(func() error {
		err := errors.Join(w.staged.Close(), w.root.Close())
		if made {
			// One that was written to stays.
			_ = unix.Rmdir(target.Path)
		}
		return err
	})
	return w, nil
}

// stage looks whether the directory can be written to, and makes one in it to stage in.
func (w *Writer) stage(ctx context.Context) error {
	// One that another program is writing for the first time is a layout when it has ended.
	lock, err := w.lock(ctx, unix.LOCK_SH)
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, _, err := readIndexFile(w.root); err != nil {
		return err
	}
	for _, name := range []string{layoutName, "blobs/sha256"} {
		if err := outpath.CheckNoLink(w.root, name); err != nil {
			return w.fail(err)
		}
	}
	w.staged, err = staging.New(w.root, source.Staging)
	return w.fail(err)
}

// Close removes what was not committed. It can be called again.
func (w *Writer) Close() error { return w.close() }

// WriteBlob stages what write gives it, and tells its digest and size.
func (w *Writer) WriteBlob(mediaType types.MediaType, write func(io.Writer) error) (v1.Descriptor, error) {
	file := "new-" + strconv.FormatInt(w.files.Add(1), 10)
	f, err := w.staged.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
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
	name := blobName(d.Digest)
	if err = w.staged.MkdirAll(path.Dir(name), 0o755); err == nil {
		err = w.staged.Rename(file, name)
	}
	return d, w.fail(err)
}

// fail names the layout in an error in place of a temporary file.
func (w *Writer) fail(err error) error {
	var file *os.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &file):
		err = file.Err
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
	layout := Below(filepath.Join(w.Target.Path, w.staged.Name))
	raw, err := layout.read(manifest.Digest)
	if err != nil {
		return nil, err
	}
	return image.Verified(w.Target, raw, manifest, layout.parts(), nil)
}

// Attach has Commit list an artifact, which was staged, besides the image, and no
// longer what it replaces, which it asks for when nobody else writes to the layout.
func (w *Writer) Attach(artifact v1.Descriptor, replaced func(context.Context) ([]v1.Hash, error)) {
	w.attached = append(w.attached, attachment{artifact, replaced})
}

// Artifacts finds those about an image that the layout has already.
func (w *Writer) Artifacts(ctx context.Context, image v1.Hash) ([]image.Artifact, error) {
	if !exists(filepath.Join(w.Target.Path, indexName)) {
		return nil, nil
	}
	return Below(w.Target.Path).Artifacts(ctx, image)
}

// Commit moves the blobs to their places, and then lets the index name the image.
// As with skopeo, another image that had the tag stays without it, and one
// without a tag is listed beside the others.
//
// The layout is locked meanwhile. What another tool, which does not lock it, writes to
// index.json before Commit does, stays in it.
func (w *Writer) Commit(ctx context.Context, manifest v1.Descriptor) error {
	lock, err := w.lock(ctx, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.Close()
	for range changesMax {
		if err = w.commit(ctx, manifest); !errors.Is(err, errChanged) {
			return err
		}
	}
	return err
}

func (w *Writer) commit(ctx context.Context, manifest v1.Descriptor) error {
	old, index, err := readIndexFile(w.root)
	if err != nil {
		return err
	}
	if err := index.add(manifest, w.Target.Ref); err != nil {
		return err
	}
	for _, a := range w.attached {
		if err := index.add(a.artifact, ""); err != nil {
			return err
		}
		replaced, err := a.replaced(ctx)
		if err != nil {
			return err
		}
		if err := index.remove(replaced); err != nil {
			return err
		}
	}
	data, err := document.Marshal(index.fields)
	if err != nil {
		return err
	}
	if err := w.move(); err != nil {
		return w.fail(err)
	}
	if err := w.mark(); err != nil {
		return w.fail(err)
	}
	return w.fail(w.replaceIndex(old, data))
}

// mark makes the file oci-layout.
func (w *Writer) mark() error {
	if err := outpath.CheckNoLink(w.root, layoutName); err != nil {
		return err
	}
	if _, err := w.root.Lstat(layoutName); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := w.write(layoutName, []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	return w.root.Rename(path.Join(w.staged.Name, layoutName), layoutName)
}

// move gives the staged blobs their places.
func (w *Writer) move() error {
	staged, err := fs.Glob(w.staged.FS(), "blobs/*/*")
	if err != nil {
		return err
	}
	if err := w.sync(staged); err != nil {
		return err
	}
	for _, blob := range staged {
		dir := path.Dir(blob)
		if err := outpath.CheckNoLink(w.root, dir); err != nil {
			return err
		}
		if err := w.root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := w.root.Rename(path.Join(w.staged.Name, blob), blob); err != nil {
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
			f, err := w.staged.Open(blob)
			if err != nil {
				return err
			}
			return errors.Join(f.Sync(), f.Close())
		})
	}
	return group.Wait()
}
