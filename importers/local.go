package importers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cfsverify/importers/source"
	"cfsverify/importers/storage"
)

// ParseSource is source.Parse, and says of the name of an image that the local storage has
// how it is written. Nothing is read from there that was not asked for.
func ParseSource(arg string) (Source, error) {
	s, err := source.Parse(arg)
	var absent *source.NotThereError
	if errors.As(err, &absent) {
		err = hintLocal(context.Background(), absent.Arg, err)
	}
	return s, err
}

// hintTimeout is how long the local storage may take to be looked at for a hint.
const hintTimeout = time.Second

// hintLocal adds to an error about an image how the image of that name is written that the
// local storage has, if it has one.
func hintLocal(ctx context.Context, name string, err error) error {
	s := source.Source{Transport: source.ContainersStorage, Ref: name}
	ctx, cancel := context.WithTimeout(ctx, hintTimeout)
	defer cancel()
	if ctx.Err() != nil || !storage.Has(ctx, s) {
		return err
	}
	return fmt.Errorf("%w; podman or buildah has an image of this name: write %v", err, s)
}
