// Package raw compares two images byte by byte: it tells which part of them the
// first different byte belongs to, and lists all parts that differ. It does not read
// images: importers hand it their parts.
package raw

import (
	"cfsverify/canon"
	"cfsverify/canon/tarfile"
)

// Images is how two images differ.
type Images struct {
	A, B Image
	// Manifest and Config are nil if a side has none: bare layers have neither, and
	// what docker save writes has no manifest.
	Manifest, Config *Document
	Layers           []*Layer
}

// Image is one of the two images.
type Image struct {
	// Source is how the user may name the image's source.
	Source string
	// Manifest and Config are the digests of these documents, empty for one that the
	// image does not have.
	Manifest, Config string
	Layers           int
}

// Same says that the images have the same manifests, configs and blobs. Documents
// that a side does not have are not compared.
func (i *Images) Same() bool { return i.SameBlobs() && (i.Manifest == nil || i.Manifest.Same) }

// SameBlobs says that all layers and the config have the same bytes. The manifests
// may still differ in other members, such as annotations.
func (i *Images) SameBlobs() bool {
	for _, l := range i.Layers {
		if !l.Same() {
			return false
		}
	}
	return i.Config == nil || i.Config.Same
}

// SameArchives says that all layers are the same once they are uncompressed.
func (i *Images) SameArchives() bool {
	for _, l := range i.Layers {
		if !l.SameArchive() {
			return false
		}
	}
	return true
}

// Layer is a layer of a, and the one of b that it is compared with.
type Layer struct {
	// A or B is nil if the other side alone has the layer.
	A, B *canon.Layer
	// Stored is how the blobs differ, nil if they are the same or one is missing.
	Stored *Stored
	// Archive is nil if the uncompressed archives are the same or one is missing.
	Archive *Archive
}

// Same says that both sides have the same blob.
func (l *Layer) Same() bool { return l.SameArchive() && l.Stored == nil }

// SameArchive says that both sides have the same uncompressed archive.
func (l *Layer) SameArchive() bool { return l.A != nil && l.B != nil && l.Archive == nil }

// Stored is how two blobs differ.
type Stored struct {
	A, B Blob
	// Offset is the first byte that differs. It is -1 if it is not known, because the
	// archives differ or the blobs cannot be read twice.
	Offset int64
}

// Blob is a layer as it is stored.
type Blob struct {
	Digest string
	// Size is in bytes.
	Size        int64
	Compression tarfile.Compression
	// Gzip is the header of the first gzip member, nil for other compressions.
	Gzip *tarfile.GzipHeader
}
