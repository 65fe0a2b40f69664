// Package erofs writes and reads composefs images: EROFS file systems that hold
// a tree's metadata, byte for byte as the reference writers make them. The bytes
// follow from the tree and the format version alone. Policies and digests belong in
// canon/policy and canon/recipe.
//
// Programs write the same bytes but for a few trees: Options.Writer says whose bytes
// an image has, and Corners finds what makes them differ.
//
// The steps of writing are: list the inodes in their order on disk (order.go), give them
// the xattrs that overlayfs needs (rewrite.go), find the xattrs that inodes share
// (shared.go), lay everything out (layout.go), and write it (write.go). What
// differs from version to version and from writer to writer is in format.go and
// legacy.go. Reading is in the files that begin with read.
package erofs

import (
	"fmt"
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

// Writer is a program whose bytes an image has.
type Writer int

const (
	// ComposefsRS is composefs-rs 0.9.4, which cfsctl and bootc seal and boot with.
	ComposefsRS Writer = iota
	// Mkcomposefs is mkcomposefs 1.0.8 with its library, libcomposefs. It writes no
	// images of version 2.
	Mkcomposefs
)

// Writers lists all of them.
func Writers() []Writer { return []Writer{ComposefsRS, Mkcomposefs} }

// ParseWriter gives the writer of that name.
func ParseWriter(name string) (Writer, error) {
	for _, w := range Writers() {
		if name == w.String() {
			return w, nil
		}
	}
	return 0, fmt.Errorf("no program is known as %q that writes composefs images", name)
}

func (w Writer) String() string {
	switch w {
	case ComposefsRS:
		return "composefs-rs"
	case Mkcomposefs:
		return "mkcomposefs"
	}
	return fmt.Sprintf("writer %d", int(w))
}

// Options says how an image is written.
type Options struct {
	Version Version
	Writer  Writer
}

// Write writes the composefs image of a tree. Whatever is wrong with the tree,
// or does not fit into the format, is reported before the first byte; any later
// error is w's.
//
// The tree is only read. Names of one inode are seen as such where its Nlink
// says that there are several, or a Hardlink mark. Mkcomposefs has Nlink as it
// stands, ComposefsRS counts the names.
func Write(w io.Writer, t *canon.Tree, o Options) error {
	l, err := LayOut(t, o)
	if err != nil {
		return err
	}
	return l.Write(w)
}
