package raw

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"

	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/canon/printable"
)

// Side is an image that is compared.
type Side struct {
	// Name is the source as the user may write it.
	Name string
	// Manifest and Config are as they are written, nil where there is none.
	Manifest, Config []byte
	// Layers are in the order from the lowest up.
	Layers []SideLayer
}

// SideLayer is a layer of it, with what opens it.
type SideLayer struct {
	// Layer says where it is; a DiffID that it has is one that is stated.
	Layer *canon.Layer
	// Identity, if not nil, equals that of every layer that is the same blob.
	Identity any
	// Open opens the archive; the caller closes it.
	Open func(context.Context) (*Stream, error)
	// OpenStored opens the blob as it is stored; nil if it can be read only once.
	OpenStored func(context.Context) (io.ReadCloser, error)
}

// Stream is a layer's archive, uncompressed.
type Stream struct {
	io.Reader
	// Count is told of each entry, and of how many bytes of global headers are before
	// it; its error ends the comparison.
	Count func(h *canon.Header, global int64) error
	// Verify reads what is left and verifies all, and sets the layer's DiffID.
	Verify func() (Blob, error)
	Close  func()
}

// Compare compares the bytes of two images. All blobs are verified, those of equal
// digests as well.
func Compare(ctx context.Context, a, b Side) (*Images, error) {
	out := &Images{A: a.summary(), B: b.summary()}
	var err error
	if a.Config != nil && b.Config != nil {
		if out.Config, err = Documents(a.Config, b.Config, func(path string) bool { return path == "rootfs.diff_ids" }); err != nil {
			return nil, fmt.Errorf("the config is not valid: %w", err)
		}
	}
	if a.Manifest != nil && b.Manifest != nil {
		// The values that follow from the config and the layers.
		follows := regexp.MustCompile(`^(config|layers\[[0-9]+\])\.(digest|size)$`)
		if out.Manifest, err = Documents(a.Manifest, b.Manifest, follows.MatchString); err != nil {
			return nil, fmt.Errorf("the manifest is not valid: %w", err)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	pairs := Pairs(a.diffIDs(), b.diffIDs())
	out.Layers = make([]*Layer, len(pairs))
	for i, pair := range pairs {
		var sides [2]*openLayer
		for j, side := range []Side{a, b} {
			if pair[j] >= 0 {
				sides[j] = &openLayer{side: side.Name, SideLayer: side.Layers[pair[j]], stated: side.Layers[pair[j]].Layer.DiffID}
			}
		}
		group.Go(func() (err error) {
			out.Layers[i], err = compareLayers(ctx, sides[0], sides[1])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

func (s Side) summary() Image {
	image := Image{Source: s.Name, Layers: len(s.Layers)}
	if s.Manifest != nil {
		image.Manifest = fmt.Sprintf("sha256:%x", sha256.Sum256(s.Manifest))
	}
	if s.Config != nil {
		image.Config = fmt.Sprintf("sha256:%x", sha256.Sum256(s.Config))
	}
	return image
}

func (s Side) diffIDs() []string {
	var ids []string
	for _, l := range s.Layers {
		ids = append(ids, l.Layer.DiffID)
	}
	return ids
}

// openLayer is a layer that is being compared.
type openLayer struct {
	SideLayer
	// side is the name of the image, stated the diffID that is stated.
	side, stated string
	stream       *Stream
	// stored is known once the blob is verified.
	stored Blob
}

// compareLayers compares a pair as Pairs gives it; nil is for a side that has none.
func compareLayers(ctx context.Context, a, b *openLayer) (*Layer, error) {
	var archive *Archive
	var err error
	switch {
	case a == nil:
		err = b.verify(ctx)
	case b == nil:
		err = a.verify(ctx)
	case a.stated != "" && a.stated == b.stated:
		err = verifyBoth(ctx, a, b)
	default:
		archive, err = compareArchives(ctx, a, b)
	}
	if err != nil {
		return nil, err
	}
	layer := &Layer{Archive: archive}
	if a != nil {
		layer.A = a.Layer
	}
	if b != nil {
		layer.B = b.Layer
	}
	if a != nil && b != nil && a.stored.Digest != b.stored.Digest {
		layer.Stored = &Stored{A: a.stored, B: b.stored, Offset: -1}
		if archive == nil {
			layer.Stored.Offset, err = firstDifferent(ctx, a.SideLayer, b.SideLayer)
		}
	}
	return layer, err
}

func (l *openLayer) fail(err error) error { return fmt.Errorf("%s: %w", printable.Text(l.side), err) }

func (l *openLayer) open(ctx context.Context) (err error) {
	if l.stream, err = l.Open(ctx); err != nil {
		return l.fail(err)
	}
	return nil
}

func (l *openLayer) close() {
	if l.stream != nil {
		l.stream.Close()
	}
}

// finish reads what is left, and verifies all.
func (l *openLayer) finish(ctx context.Context) (err error) {
	l.stored, err = l.stream.Verify()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return l.fail(err)
	}
	return nil
}

// verify reads a blob for nothing but its digests.
func (l *openLayer) verify(ctx context.Context) error {
	defer l.close()
	if err := l.open(ctx); err != nil {
		return err
	}
	return l.finish(ctx)
}

// verifyBoth reads once what both sides have in common.
func verifyBoth(ctx context.Context, a, b *openLayer) error {
	if a.Identity != nil && a.Identity == b.Identity {
		if err := a.verify(ctx); err != nil {
			return err
		}
		b.stored, b.Layer.DiffID = a.stored, a.Layer.DiffID
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.verify(ctx) })
	group.Go(func() error { return b.verify(ctx) })
	return group.Wait()
}

// compareArchives reads two blobs side by side. Nothing is told of them until
// both are verified. It returns nil if the archives are the same.
func compareArchives(ctx context.Context, a, b *openLayer) (*Archive, error) {
	sides := [2]*openLayer{a, b}
	for _, l := range sides {
		defer l.close()
		if err := l.open(ctx); err != nil {
			return nil, err
		}
	}
	archive, walkErr := Archives(a.stream, b.stream, func(side int, h *canon.Header, global int64) error { return sides[side].stream.Count(h, global) })
	for _, l := range sides {
		if err := l.finish(ctx); err != nil {
			return nil, err
		}
	}
	var at *EntryError
	if errors.As(walkErr, &at) {
		l := sides[at.Side]
		return nil, l.fail(&canon.EntryError{Layer: l.Layer, Entry: at.Entry, Path: at.Path, Err: at.Err})
	}
	if walkErr != nil || archive.First == nil {
		return nil, walkErr
	}
	return archive, nil
}

// firstDifferent compares blobs that were verified as they are stored. It
// returns -1 if one of them cannot be read again.
func firstDifferent(ctx context.Context, a, b SideLayer) (int64, error) {
	var readers [2]*bufio.Reader
	for i, layer := range []SideLayer{a, b} {
		if layer.OpenStored == nil {
			return -1, nil
		}
		stored, err := layer.OpenStored(ctx)
		if err != nil {
			return -1, err
		}
		defer stored.Close()
		readers[i] = bufio.NewReaderSize(stored, bufferSize)
	}
	for at := int64(0); ; at++ {
		x, errA := readers[0].ReadByte()
		y, errB := readers[1].ReadByte()
		for _, err := range []error{errA, errB} {
			if err != nil && err != io.EOF {
				return -1, err
			}
		}
		if errA != nil && errB != nil {
			return -1, errors.New("a layer changed while it was read")
		}
		if x != y || errA != errB {
			return at, nil
		}
	}
}
