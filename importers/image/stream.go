package image

import (
	"context"
	"errors"
	"io"

	"cfsverify/canon"
	"cfsverify/importers/blob"
	"cfsverify/importers/limits"
)

// Stream is the archive of a layer, uncompressed. What it gives is to be trusted
// once Verify has found no fault.
type Stream struct {
	ctx    context.Context
	blob   blob.Blob
	stored io.Closer
	reader *blob.Reader
	budget *limits.Budget
	steps  limits.Steps
	before string // the name of the last entry
}

// NewStream opens the archive of a blob, within the limits that a budget has, of a
// layer that may be read by nobody else meanwhile.
func NewStream(ctx context.Context, b blob.Blob, used *limits.Budget, progress func(limits.Progress)) (*Stream, error) {
	if err := b.CheckDigests(); err != nil {
		return nil, err
	}
	stored, err := b.Open()
	if err != nil {
		return nil, b.Fail(err)
	}
	reader, err := blob.NewReader(b, limits.Reader(ctx, stored), used)
	if err != nil {
		return nil, errors.Join(b.Fail(err), stored.Close())
	}
	return &Stream{ctx: ctx, blob: b, stored: stored, reader: reader, budget: used, steps: limits.Steps{Report: progress}}, nil
}

func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.reader.Read(p)
	s.steps.Add(limits.Progress{Bytes: int64(n)})
	return n, err
}

// Count holds an entry that was found in the stream against the limits, and so many
// bytes of global headers before it.
func (s *Stream) Count(h *canon.Header, global int64) error {
	if err := s.budget.AddEntry(h, s.before); err != nil {
		return err
	}
	if err := s.budget.AddMetadata(global); err != nil {
		return err
	}
	s.before = h.Name
	s.steps.Add(limits.Progress{Entries: 1})
	return nil
}

// Verify reads what is left, and compares the blob with what is stated of it. It sets
// the layer's DiffID.
func (s *Stream) Verify() (blob.Stored, error) {
	// An error of reading is one of verify as well.
	_, _ = io.Copy(io.Discard, s)
	err := s.reader.Verify()
	if s.ctx.Err() != nil {
		return blob.Stored{}, s.ctx.Err()
	}
	if err != nil {
		return blob.Stored{}, s.blob.Fail(err)
	}
	s.blob.Layer.DiffID = s.reader.DiffID().String()
	return s.reader.Stored(), nil
}

// Close ends all reading.
func (s *Stream) Close() {
	s.reader.Close()
	s.stored.Close()
}
