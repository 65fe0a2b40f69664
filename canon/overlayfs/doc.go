// Package overlayfs holds what an overlay mount shows of the directories of layers:
// the rules of the kernel's overlayfs and of fuse-overlayfs, over trees. Reading
// the directories is the business of importers/overlay.
package overlayfs
