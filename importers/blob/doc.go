// Package blob holds a layer as it is stored: decompressed while it is read, held
// against its digests, and where it lies. What the archive in it says belongs in
// package layer.
package blob
