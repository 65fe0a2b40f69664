// Package composefs holds dump files and composefs images, which are read as the
// trees that they hold, and the records that say how dump files were made. How their formats are written is in canon/dumpfile and
// canon/erofs.
package composefs
