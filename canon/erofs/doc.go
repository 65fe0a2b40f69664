// Package erofs writes and reads composefs images: EROFS file systems that hold
// a tree's metadata, byte for byte as the reference writers make them. The bytes
// follow from the tree and the format version alone. Policies and digests belong in
// canon/policy and canon/recipe.
//
// Where mkcomposefs and composefs-rs differ in versions 0 and 1, it is
// mkcomposefs that counts: in link counts that a dump file makes up, in times
// before 1970, and in inodes that share more than 128 xattrs.
//
// The steps of writing are: list the inodes in their order on disk (order.go), give them
// the xattrs that overlayfs needs (rewrite.go), find the xattrs that inodes share
// (shared.go), lay everything out (layout.go), and write it (write.go). What
// differs from version to version is in format.go and legacy.go. Reading is in
// the files that begin with read.
package erofs

import (
	"io"

	"cfsverify/canon"
)

// Version is a version of the composefs image format.
type Version int

const (
	// V0 and V1 are what mkcomposefs writes with --min-version and --max-version
	// at 0 or 1. V1 differs in the marks on directories that hold whiteouts.
	V0 Version = 0
	V1 Version = 1
	// V2 is the format that composefs-rs wrote before it had the other two. Its
	// reference is FormatVersion::V2 of composefs-rs 0.9.
	V2 Version = 2
)

// Options says how an image is written.
type Options struct {
	Version Version
}

// Write writes the composefs image of a tree. Whatever is wrong with the tree,
// or does not fit into the format, is reported before the first byte; any later
// error is w's.
//
// The tree is only read. Names of one inode are seen as such where its Nlink
// says that there are several, or a Hardlink mark. V0 and V1 have Nlink as it
// stands, V2 counts the names.
func Write(w io.Writer, t *canon.Tree, o Options) error {
	format, err := formatOf(o.Version)
	if err != nil {
		return err
	}
	if err := t.Validate(); err != nil {
		return err
	}
	img := &image{format: format}
	if err := img.collect(t); err != nil {
		return err
	}
	img.shareXattrs()
	if err := img.layOut(); err != nil {
		return err
	}
	return img.write(w)
}
