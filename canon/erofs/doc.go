// Package erofs writes composefs images: EROFS file systems that hold a tree's
// metadata, byte for byte as the reference writers do. The bytes follow from
// the tree and the format version alone.
//
// The steps are: list the inodes in their order on disk (order.go), give them
// the xattrs that overlayfs needs (rewrite.go), find the xattrs that inodes share
// (shared.go), lay everything out (layout.go), and write it (write.go).
package erofs

import (
	"fmt"
	"io"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// Version is a version of the composefs image format.
type Version int

const (
	// V0 and V1 are what mkcomposefs writes with --min-version and --max-version
	// at 0 or 1. V1 differs in the marks on directories that hold whiteouts.
	V0 Version = 0
	V1 Version = 1
)

// Options says how an image is written.
type Options struct {
	Version Version
}

// Write writes the composefs image of a tree. Whatever is wrong with the tree,
// or does not fit into the format, is reported before the first byte.
func Write(w io.Writer, t *canon.Tree, o Options) error {
	if o.Version != V0 && o.Version != V1 {
		return fmt.Errorf("there is no composefs format version %d", o.Version)
	}
	if err := t.Validate(); err != nil {
		return err
	}
	img := &image{version: o.Version}
	if err := img.collect(t); err != nil {
		return err
	}
	img.shareXattrs()
	if err := img.layOut(); err != nil {
		return err
	}
	return img.write(w)
}

// Digest is the fs-verity digest of the image that Write writes.
func Digest(t *canon.Tree, o Options, alg fsverity.Algorithm) (fsverity.Digest, error) {
	h := fsverity.New(alg)
	if err := Write(h, t, o); err != nil {
		return fsverity.Digest{}, err
	}
	return h.Digest(), nil
}
