package tarfile

import "cfsverify/canon"

// Raw is an entry as it is written in an archive.
type Raw struct {
	// Offset is where the entry's first header begins, Content where its content
	// begins, in bytes of the uncompressed archive.
	Offset, Content int64
	// Extensions are the headers before its own, global ones included.
	Extensions []Extension
	Block      Block
	// Header is what all its headers say together.
	Header *canon.Header
	// DirtyPadding says that not all bytes between the content and the next block
	// are zero; Padding is then these bytes.
	DirtyPadding bool
	Padding      string
}

// Extension is a PAX header ('x', or 'g' for a global one), or a GNU long name
// ('L') or target ('K').
type Extension struct {
	Block        Block
	Data         string
	DirtyPadding bool
	Padding      string // as in Raw
}

// Typeflag says which kind of header it is.
func (x *Extension) Typeflag() byte { return x.Block.typeflag() }
