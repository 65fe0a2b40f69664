// Package seal reads and writes seals: the digests that seal a container image, on
// a kernel command line, in a label or in annotations. Where an image keeps them is
// not known here, nor what a digest should be. The forms are those of composefs-rs
// 0.9: kernel arguments (crate
// composefs-boot, cmdline.rs), and the keys of its draft "OCI Sealing
// Specification" (crate composefs-oci, sealing_spec.rs).
package seal
