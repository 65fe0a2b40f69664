package importers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
	"cfsverify/canon/tarfile"
)

// Options says how to import. Hash must be set.
type Options struct {
	// Hash is the fs-verity hash for file content.
	Hash fsverity.Algorithm
	// Platform chooses from an image index; nil takes the only image there is,
	// or else that for linux on this machine's architecture.
	Platform *v1.Platform
	// Rules apply the layers of an image. They must be set.
	Rules Rules
	// Objects, if there is one, gets all content that the tree does not hold. With
	// a dump file or composefs image, which have none, that is an error.
	Objects *ObjectStore
	// Lenient reads dump files of historical forms; see dumpfile.Options.
	Lenient bool
	// Mounts is for a directory.
	Mounts MountPolicy
	// Limits are for images.
	Limits Limits
	// Timeout is how long Load may take; 0 is no limit.
	Timeout time.Duration
	// Headers: canon.Origin.Header is to say what an image's archives have, as
	// explanations of differences need it.
	Headers bool
	// Layer, if not 0, gives the tree of that layer of an image alone, counted from
	// 1, as it is on the layers below.
	Layer int
	// Lint finds out how an image's layers depart from canonical ones, instead of
	// making a tree.
	Lint bool
	// Seals finds what seals an image. Objects then gets only what may be a unified
	// kernel image, and layers stay to be applied otherwise.
	Seals bool
	// Shared, if set, is for images that are imported side by side.
	Shared *SharedLayers
	// Engines, for an image, are those whose unpacking is simulated.
	Engines []Engine
	// Progress, if set, is told how far the work is; calls come from several
	// goroutines.
	Progress func(Progress)
}

// Import is what a source holds.
type Import struct {
	Tree *canon.Tree
	// Layers are those of an image, lowest first.
	Layers []*canon.Layer
	// Created is an image's creation time, nil if it states none.
	Created *canon.Time
	// Image is set for a composefs image.
	Image *erofs.Image
	// Unpacked is what Options.Engines show of an image, and UnpackTime what
	// stands for the time of unpacking in it, in a second that no entry is of.
	Unpacked   []Unpacked
	UnpackTime canon.Time
	// Departures are those of Options.Lint, in the order of layers and entries.
	Departures []tarfile.Departure
	// Seals and what follows are set for Options.Seals: the seals in the image's
	// metadata, its manifest and config as they are, nil without one, and its layers.
	Seals            []seal.Seal
	Manifest, Config []byte
	Stack            *Stack
	// Other is set if the rules that Options.Rules did not name treat the image
	// in another way.
	Other *OtherRules
}

// Unpacked is what an engine shows of an image.
type Unpacked struct {
	Engine Engine
	// Tree is nil if the engine refuses the image; Err then says why.
	Tree *canon.Tree
	Err  error
}

// OtherRules is what the other set of layer rules makes of an image.
type OtherRules struct {
	Rules Rules
	// Events are the entries that the two sets of rules treat differently.
	Events []Event
	// Tree is nil if the rules refuse the image; Err then says why.
	Tree *canon.Tree
	Err  error
}

// Load imports a source. The tree is as it was read: no policy is applied.
func Load(ctx context.Context, s Source, o Options) (*Import, error) {
	return inTime(ctx, o.Timeout, s.String(), func(ctx context.Context) (*Import, error) { return load(ctx, s, o) })
}

func load(ctx context.Context, s Source, o Options) (*Import, error) {
	switch s.Transport {
	case Dir:
		tree, err := ScanDirectory(ctx, s.Path, ScanOptions{Hash: o.Hash, Progress: scanProgressSteps(o.Progress), Objects: o.Objects, Mounts: o.Mounts})
		if err != nil {
			return nil, err
		}
		return &Import{Tree: tree}, nil
	case Dump, Erofs:
		return loadFinal(s, o)
	}
	img, err := openImage(ctx, s, o.Platform)
	if err != nil {
		return nil, err
	}
	imported, err := loadImage(ctx, img, o)
	if err := errors.Join(err, img.close()); err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	return imported, nil
}

// loadFinal reads a dump file or a composefs image.
func loadFinal(s Source, o Options) (*Import, error) {
	if o.Objects != nil {
		return nil, fmt.Errorf("%v has no content of files, only their digests", s)
	}
	in := io.NopCloser(os.Stdin)
	if s.Path != "-" {
		f, err := os.Open(s.Path)
		if err != nil {
			return nil, err
		}
		in = f
	}
	defer in.Close()
	imported, err := readFinal(s.Transport, in, o)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	if alg := imported.Tree.HashAlgorithm(); alg != 0 && alg != o.Hash {
		return nil, &HashError{Source: s, Has: alg, Want: o.Hash}
	}
	return imported, nil
}

// HashError says that a dump file or composefs image has digests of another hash
// than the one that is wanted.
type HashError struct {
	Source    Source
	Has, Want fsverity.Algorithm
}

func (e *HashError) Error() string {
	return fmt.Sprintf("%v has %v digests of file content, not %v", e.Source, e.Has, e.Want)
}

func readFinal(transport Transport, in io.Reader, o Options) (*Import, error) {
	if transport == Dump {
		tree, err := dumpfile.Parse(in, dumpfile.Options{Lenient: o.Lenient})
		return &Import{Tree: tree}, err
	}
	data, err := readImage(in)
	if err != nil {
		return nil, err
	}
	img, err := erofs.Read(data)
	if err != nil {
		return nil, err
	}
	if !o.Lenient {
		same := &sameBytes{want: data}
		if err := erofs.Write(same, img.Tree.Clone(), erofs.Options{Version: img.Version}); err != nil && !errors.Is(err, errOtherBytes) {
			return nil, err
		}
		if same.differ || same.at != len(data) {
			return nil, &OtherBytesError{same.at}
		}
	}
	return &Import{Tree: img.Tree, Image: img}, nil
}

// OtherBytesError says that a composefs image is not the one that its tree gives.
type OtherBytesError struct {
	// At is the first byte that differs.
	At int
}

func (e *OtherBytesError) Error() string {
	return fmt.Sprintf("from byte %d on the image is not what its tree gives: it is damaged, or another program made it", e.At)
}

// readImage looks at the beginning before it reads the rest.
func readImage(in io.Reader) ([]byte, error) {
	head := make([]byte, 4096)
	n, err := io.ReadFull(in, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	head = head[:n]
	if n < len(head) || !erofs.IsImage(head) {
		return head, nil
	}
	data, err := io.ReadAll(io.MultiReader(bytes.NewReader(head), io.LimitReader(in, imageMax)))
	if err == nil && len(data) > imageMax {
		err = fmt.Errorf("the image has more than %d bytes", imageMax)
	}
	return data, err
}

var errOtherBytes = errors.New("other bytes")

// sameBytes compares what is written with what is wanted.
type sameBytes struct {
	want   []byte
	at     int
	differ bool
}

func (s *sameBytes) Write(p []byte) (int, error) {
	for i, b := range p {
		if s.at == len(s.want) || s.want[s.at] != b {
			s.differ = true
			return i, errOtherBytes
		}
		s.at++
	}
	return len(p), nil
}

// imageMax is the size in bytes up to which composefs images are read: enough
// for some ten million files.
const imageMax = 4 << 30

func loadImage(ctx context.Context, img *image, o Options) (*Import, error) {
	linter := NewLinter()
	layers, err := importLayers(ctx, img, o.readOptions(linter), importLayer)
	if err != nil {
		return nil, err
	}
	return applyImage(ctx, img, layers, linter, o)
}

// applyImage makes of an image's layers what is to be imported. No other tree can
// be made of them afterwards.
func applyImage(ctx context.Context, img *image, layers []*LayerEntries, linter *Linter, o Options) (*Import, error) {
	imported := &Import{Created: img.created}
	for _, b := range img.layers {
		imported.Layers = append(imported.Layers, b.layer)
	}
	if o.Layer > 0 {
		tree, err := layerTree(layers, o.Layer)
		if err != nil {
			return nil, err
		}
		imported.Tree = tree
		return imported, nil
	}
	if o.Lint {
		imported.Departures = linter.Layers(layers)
		return imported, nil
	}
	var other *OtherRules
	if !rulesAgree(layers) {
		other = applyOther(layers, o.Rules)
	}
	tree, err := applyLayers(layers, o.Rules, o.Shared == nil && !o.Seals)
	if err != nil {
		return nil, err
	}
	imported.Tree = tree
	if o.Seals {
		imported.Manifest, imported.Config, imported.Stack = img.manifest, img.config, &Stack{layers, o.Rules}
		if imported.Seals, err = findSeals(ctx, img); err != nil {
			return nil, err
		}
		ukis, err := findUKIs(tree, o.Objects)
		if err != nil {
			return nil, err
		}
		imported.Seals = append(ukis, imported.Seals...)
	}
	if other != nil {
		imported.Other = other.against(tree)
	}
	imported.UnpackTime = afterAll(tree)
	for _, e := range o.Engines {
		u := Unpacked{Engine: e}
		u.Tree, u.Err = e.Unpack(layers, imported.UnpackTime)
		imported.Unpacked = append(imported.Unpacked, u)
	}
	return imported, nil
}

// readOptions are those that a mode needs.
func (o Options) readOptions(linter *Linter) ImageReadOptions {
	options := ImageReadOptions{
		ReadOptions: ReadOptions{Hash: o.Hash, Progress: o.Progress, Objects: o.Objects, Headers: o.Headers || len(o.Engines) > 0},
		Limits:      o.Limits, Shared: o.Shared,
	}
	if o.Lint {
		options.Inspector = linter.Inspector()
	}
	if o.Seals {
		options.ObjectMagic = peMagic
	}
	return options
}

// ImageReadOptions says how to read the layers of an image.
type ImageReadOptions struct {
	ReadOptions
	// Limits are for all layers together.
	Limits Limits
	// Shared, if set, is for images that are read side by side.
	Shared *SharedLayers
}

// importLayers reads the layers of an image side by side.
func importLayers(ctx context.Context, img *image, o ImageReadOptions, read func(context.Context, blob, *budget, ImageReadOptions) (*LayerEntries, error)) ([]*LayerEntries, error) {
	layers := make([]*LayerEntries, len(img.layers))
	used := &budget{limits: o.Limits}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, b := range img.layers {
		group.Go(func() (err error) {
			layers[i], err = read(ctx, b, used.ofLayer(), o)
			return err
		})
	}
	return layers, group.Wait()
}

// afterAll is a time after all in a tree but those that no unpacking comes
// after. It has nanoseconds, as such times have.
func afterAll(t *canon.Tree) canon.Time {
	const year9999 = 253402300799
	after := canon.Time{Nsec: 123456789}
	for e := range t.Dirents() {
		if sec := e.Node.Mtime.Sec; sec < year9999 && sec >= after.Sec {
			after.Sec = sec + 1
		}
	}
	return after
}

// scanProgressSteps turns totals into what was read since the last call.
func scanProgressSteps(report func(Progress)) func(entries, bytes int64) {
	if report == nil {
		return nil
	}
	var last Progress
	return func(entries, bytes int64) {
		now := Progress{Entries: entries, Bytes: bytes}
		report(Progress{Entries: now.Entries - last.Entries, Bytes: now.Bytes - last.Bytes})
		last = now
	}
}
