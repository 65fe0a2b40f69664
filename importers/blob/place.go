package blob

import (
	"os"
	"syscall"
	"time"
)

// Place is where a blob lies. Of two blobs in one place of which the same is
// stated, one need not be read.
type Place struct {
	device, inode uint64
	modified      time.Time
	// Name is that in an archive.
	Name string
	// Repository is one of a registry.
	Repository string
}

// FilePlace is that of a regular file: pipes have none.
func FilePlace(file string) (Place, bool) {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() {
		return Place{}, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Place{}, false
	}
	return Place{device: uint64(stat.Dev), inode: stat.Ino, modified: info.ModTime()}, true
}
