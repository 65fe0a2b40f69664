package oracle

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Make makes an empty file of a type, one of the S_IFMT bits, with the system
// calls that engines use for it: a directory with mode 0777, others with 0600,
// less the umask.
func Make(t testing.TB, path string, fileType uint32) {
	t.Helper()
	var err error
	switch fileType {
	case unix.S_IFDIR:
		err = unix.Mkdir(path, 0o777)
	case unix.S_IFLNK:
		err = unix.Symlink("x", path)
	default:
		err = unix.Mknod(path, fileType|0o600, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
}
