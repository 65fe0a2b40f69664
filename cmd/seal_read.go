package cmd

import (
	"context"
	"errors"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/seal"
	"cfsverify/compare/seals"
	"cfsverify/importers"
	"cfsverify/importers/image"
	"cfsverify/importers/objects"
)

// sealReader reads an image whose seals are checked.
type sealReader struct {
	policy  policy.Policy
	boot    policy.BootRule
	imports importers.Options
	// open opens the image for some work.
	open func(o importers.Options, work readImage) (*importers.Sealed, error)
	// ifInterrupted is run.ifInterrupted.
	ifInterrupted func(func() error)
}

// readImage reads an opened image.
type readImage = func(context.Context, *image.Image, image.ReadOptions) (*importers.Sealed, error)

// check checks seals of an image that was read. For seals of the other hash it is read
// again.
func (s *sealReader) check(ctx context.Context, found []seal.Seal, first *importers.Sealed, o seals.Options) (*seals.Result, error) {
	var subjects []seals.Subject
	for _, alg := range seals.Hashes(found) {
		read := first
		if alg != s.imports.Hash {
			var err error
			if read, err = s.load(alg); err != nil {
				return nil, err
			}
			if err := first.CheckSame(read); err != nil {
				return nil, err
			}
		}
		subject := seals.Subject{
			Hash: alg, Policy: s.policy, Boot: s.boot, Tree: read.Tree, Stack: read.Stack, Other: read.Other, Manifest: read.Manifest, Config: read.Config,
		}
		subject.Policy.Created = read.Created
		subjects = append(subjects, subject)
	}
	return seals.Check(ctx, found, subjects, o)
}

// load reads the image with file content hashed by alg.
func (s *sealReader) load(alg fsverity.Algorithm) (read *importers.Sealed, err error) {
	o := s.imports
	o.Hash = alg
	if o.Objects, err = objects.Temporary(); err != nil {
		return nil, err
	}
	s.ifInterrupted(o.Objects.Close)
	defer func() { err = errors.Join(err, o.Objects.Close()) }()
	return s.open(o, func(ctx context.Context, img *image.Image, reading image.ReadOptions) (*importers.Sealed, error) {
		return importers.ReadSealed(ctx, img, reading, o.Rules)
	})
}
