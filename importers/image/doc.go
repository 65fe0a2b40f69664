// Package image holds an opened container image: its verified manifest and config,
// its choice out of an index, its blobs and artifacts, and how its layers are
// read. Where an image comes from is in archive, layout, registry and storage; what
// artifacts mean is in seals.
package image
