// Package outpath leads to the files and directories that are written: along a path that
// a user names, but through no symlink that another user could have put there. What is
// written, and how it takes the place of what was there, is for callers.
package outpath
