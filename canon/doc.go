// Package canon holds the canonical tree: what a container image's root file
// system is, as far as a composefs image can tell it, whichever way it was
// read.
//
// A Tree is made of Nodes (inodes) that Dirents (names) lead to. These hold
// for every tree that an importer returns, and Validate checks them:
//
//   - the root is a directory, and each directory has one name only;
//   - names are 1 to 255 bytes without '/' and NUL, and not "." or "..";
//   - the names of a directory are unique, and Children lists them in the order
//     of their bytes, as do Xattrs those of an inode;
//   - two names of one non-directory (a hardlink) lead to the same *Node, and its
//     Nlink is more than 1, or one of its names is marked as a Hardlink: so
//     Tree.Hardlinks finds it (this alone Validate does not check);
//   - a field that the inode's kind has no use for is zero.
//
// The subpackages write and read the forms in which trees travel: dumpfile for
// composefs dump files, erofs for composefs images. fsverity computes digests.
package canon
