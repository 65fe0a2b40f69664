// Package seal reads and writes what seals say: the digest of a composefs image
// on a kernel command line, and in the labels and annotations of a container
// image. It knows the forms of composefs-rs 0.9: kernel arguments (crate
// composefs-boot, cmdline.rs), and the keys of its draft "OCI Sealing
// Specification" (crate composefs-oci, sealing_spec.rs).
package seal
