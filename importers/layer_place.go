package importers

import (
	"os"
	"syscall"
	"time"
)

// blobPlace is where a blob lies. Of two blobs in one place of which the same is
// stated, one need not be read.
type blobPlace struct {
	device, inode uint64
	modified      time.Time
	// name is that in an archive.
	name string
	// repository is one of a registry.
	repository string
}

// filePlace is that of a regular file: pipes have none.
func filePlace(file string) (blobPlace, bool) {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() {
		return blobPlace{}, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return blobPlace{}, false
	}
	return blobPlace{device: uint64(stat.Dev), inode: stat.Ino, modified: info.ModTime()}, true
}
