// Package canon holds the canonical tree: a container image's root file system as
// far as a composefs image can tell it, whichever way it was read. How trees are
// read, written, changed and compared belongs in other packages.
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
// Start with Tree: All and Lookup read it, Node.Put and CountLinks build it, Pairs
// walks two of them side by side, Hardlinks finds the inodes with several names.
//
// The subpackages:
//
//   - fsverity computes the digests that name content and images;
//   - dumpfile, erofs and tarfile read and write composefs dump files, composefs
//     images and tar archives;
//   - linux is what the kernel does to inodes: xattrs, ACLs, capabilities;
//   - policy changes a tree before it is compared or written;
//   - recipe makes a digest of a tree;
//   - seal reads and writes the digests that seal an image.
package canon
