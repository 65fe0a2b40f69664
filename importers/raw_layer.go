package importers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/compare/raw"
)

// rawSide is a layer to compare.
type rawSide struct {
	source   Source
	blob     blob
	budget   *budget
	before   string // the name of the last entry
	progress *progressSteps
	file     io.ReadCloser
	reader   *blobReader
	// stored is known once the blob is verified.
	stored raw.Blob
}

func (s *rawSide) fail(err error) error {
	return fmt.Errorf("%v: %w", s.source, err)
}

func (s *rawSide) open(ctx context.Context) error {
	if err := s.blob.checkDigests(); err != nil {
		return s.fail(err)
	}
	file, err := s.blob.open()
	if err != nil {
		return s.fail(s.blob.fail(err))
	}
	if s.reader, err = readBlob(s.blob, contextReader{ctx, file}, s.budget); err != nil {
		return errors.Join(s.fail(s.blob.fail(err)), file.Close())
	}
	s.file = file
	return nil
}

func (s *rawSide) close() {
	if s.reader != nil {
		s.reader.close()
		s.file.Close()
	}
}

func (s *rawSide) Read(p []byte) (int, error) {
	n, err := s.reader.Read(p)
	s.progress.add(Progress{Bytes: int64(n)})
	return n, err
}

// finish reads what is left, and verifies all.
func (s *rawSide) finish(ctx context.Context) error {
	// An error of reading is one of verify as well.
	_, _ = io.Copy(io.Discard, s)
	err := s.reader.verify()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return s.fail(s.blob.fail(err))
	}
	r := s.reader
	s.stored = raw.Blob{Digest: sumDigest(r.stored.sum).String(), Size: r.read.size, Compression: r.compression, Gzip: r.gzip}
	s.blob.layer.DiffID = r.diffID().String()
	return nil
}

// verify reads a blob for nothing but its digests.
func (s *rawSide) verify(ctx context.Context) error {
	defer s.close()
	if err := s.open(ctx); err != nil {
		return err
	}
	return s.finish(ctx)
}

// verifyBoth reads once what both sides have in common.
func verifyBoth(ctx context.Context, a, b *rawSide) error {
	if a.blob.isShared(b.blob) {
		if err := a.verify(ctx); err != nil {
			return err
		}
		b.stored, b.blob.layer.DiffID = a.stored, a.blob.layer.DiffID
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.verify(ctx) })
	group.Go(func() error { return b.verify(ctx) })
	return group.Wait()
}

// compareArchives reads two blobs side by side. Nothing is told of them until
// both are verified. It returns nil if the archives are the same.
func compareArchives(ctx context.Context, a, b *rawSide) (*raw.Archive, error) {
	sides := [2]*rawSide{a, b}
	for _, s := range sides {
		defer s.close()
		if err := s.open(ctx); err != nil {
			return nil, err
		}
	}
	archive, walkErr := raw.Archives(a, b, func(side int, h *canon.Header, global int64) error { return sides[side].entry(h, global) })
	for _, s := range sides {
		if err := s.finish(ctx); err != nil {
			return nil, err
		}
	}
	var at *raw.EntryError
	if errors.As(walkErr, &at) {
		s := sides[at.Side]
		return nil, s.fail(&canon.EntryError{Layer: s.blob.layer, Entry: at.Entry, Path: at.Path, Err: at.Err})
	}
	if walkErr != nil || archive.First == nil {
		return nil, walkErr
	}
	return archive, nil
}

func (s *rawSide) entry(h *canon.Header, global int64) error {
	if err := s.budget.addEntry(h, s.before); err != nil {
		return err
	}
	if err := s.budget.add(0, 0, global); err != nil {
		return err
	}
	s.before = h.Name
	s.progress.add(Progress{Entries: 1})
	return nil
}

// firstDifferent compares blobs that were verified as they are stored. It
// returns -1 if one of them cannot be read again.
func firstDifferent(ctx context.Context, a, b blob) (int64, error) {
	var readers [2]*bufio.Reader
	for i, blob := range []blob{a, b} {
		// Bare layers may be pipes.
		if file := blob.layer.Name; file != "" {
			if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
				return -1, nil
			}
		}
		stored, err := blob.open()
		if err != nil {
			return -1, blob.fail(err)
		}
		defer stored.Close()
		readers[i] = bufio.NewReaderSize(contextReader{ctx, stored}, bufferSize)
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
