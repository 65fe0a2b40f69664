// Package scan holds directories that are read as root file systems. Nothing is in
// it that concerns images.
package scan
