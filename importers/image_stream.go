package importers

import (
	"context"
	"errors"
	"io"

	"cfsverify/canon"
)

// Stream is the archive of a layer, uncompressed. What it gives is to be trusted
// once Verify has found no fault.
type Stream struct {
	ctx    context.Context
	blob   blob
	stored io.Closer
	reader *blobReader
	budget *budget
	steps  progressSteps
	before string // the name of the last entry
}

// openStream opens the archive of a blob, within the limits that a budget has, of a
// layer that may be read by nobody else meanwhile.
func openStream(ctx context.Context, b blob, used *budget, progress func(Progress)) (*Stream, error) {
	if err := b.checkDigests(); err != nil {
		return nil, err
	}
	stored, err := b.open()
	if err != nil {
		return nil, b.fail(err)
	}
	reader, err := readBlob(b, contextReader{ctx, stored}, used)
	if err != nil {
		return nil, errors.Join(b.fail(err), stored.Close())
	}
	return &Stream{ctx: ctx, blob: b, stored: stored, reader: reader, budget: used, steps: progressSteps{report: progress}}, nil
}

func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.reader.Read(p)
	s.steps.add(Progress{Bytes: int64(n)})
	return n, err
}

// Count holds an entry that was found in the stream against the limits, and so many
// bytes of global headers before it.
func (s *Stream) Count(h *canon.Header, global int64) error {
	if err := s.budget.addEntry(h, s.before); err != nil {
		return err
	}
	if err := s.budget.addMetadata(global); err != nil {
		return err
	}
	s.before = h.Name
	s.steps.add(Progress{Entries: 1})
	return nil
}

// Verify reads what is left, and compares the blob with what is stated of it. It sets
// the layer's DiffID.
func (s *Stream) Verify() (storedBlob, error) {
	// An error of reading is one of verify as well.
	_, _ = io.Copy(io.Discard, s)
	err := s.reader.verify()
	if s.ctx.Err() != nil {
		return storedBlob{}, s.ctx.Err()
	}
	if err != nil {
		return storedBlob{}, s.blob.fail(err)
	}
	s.blob.layer.DiffID = s.reader.diffID().String()
	return s.reader.storedBlob(), nil
}

// Close ends all reading.
func (s *Stream) Close() {
	s.reader.close()
	s.stored.Close()
}
