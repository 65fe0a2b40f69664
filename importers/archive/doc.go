// Package archive holds tar archives of images, which are read in any order, and
// what docker save makes of them. OCI layouts in archives are read by package
// layout.
package archive
