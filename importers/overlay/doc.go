// Package overlay holds the unpacked view of an image: what a scan of the overlay mount
// of its layers' directories would give, read from the directories without a mount.
// Where an engine keeps the directories is not its business, and what overlayfs makes of
// them is in canon/overlayfs.
package overlay
