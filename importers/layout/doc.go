// Package layout holds OCI image layouts: those that are read, in directories and
// archives, and those that an image is added to. How the image that is added comes
// about is in package rewrite.
package layout
