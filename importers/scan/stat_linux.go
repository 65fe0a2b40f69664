package scan

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
)

// inode identifies an inode.
type inode struct{ dev, ino uint64 }

// info is what statx says of an inode. Two of one inode are equal if
// nothing changed it in between.
type info struct {
	inode                inode
	mode, uid, gid       uint32
	size                 uint64
	mtime, ctime         canon.Time
	rdevMajor, rdevMinor uint32
	// mount is the id of the mount that it was reached in, 0 on kernels before
	// Linux 5.8.
	mount uint64
	// mountRoot says that it is where something is mounted, and that statx can
	// tell (Linux 5.8), as can is true.
	mountRoot, mountKnown bool
}

// statx follows a symlink at the end of name; without a name it is about the
// descriptor, which may be one of O_PATH.
func statx(dirfd int, name string) (info, error) {
	flags := unix.AT_NO_AUTOMOUNT
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	var x unix.Statx_t
	_, err := retry(func() (int, error) {
		return 0, unix.Statx(dirfd, name, flags, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &x)
	})
	if err != nil {
		return info{}, err
	}
	info := info{
		inode:      inode{unix.Mkdev(x.Dev_major, x.Dev_minor), x.Ino},
		mode:       uint32(x.Mode),
		uid:        x.Uid,
		gid:        x.Gid,
		size:       x.Size,
		mtime:      canon.Time{Sec: x.Mtime.Sec, Nsec: x.Mtime.Nsec},
		ctime:      canon.Time{Sec: x.Ctime.Sec, Nsec: x.Ctime.Nsec},
		rdevMajor:  x.Rdev_major,
		rdevMinor:  x.Rdev_minor,
		mountRoot:  x.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0,
		mountKnown: x.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0,
	}
	if x.Mask&unix.STATX_MNT_ID != 0 {
		info.mount = x.Mnt_id
	}
	return info, nil
}

// isMount says that something is mounted on the entry. Before Linux 5.8 only
// the device tells, and only that of directories: overlayfs may show one for
// each layer on others.
func (i info) isMount(root info) bool {
	if i.mountKnown {
		return i.mountRoot
	}
	return i.isDir() && i.inode.dev != root.inode.dev
}

func (i info) ctimeNanoseconds() int64 { return i.ctime.Sec*1e9 + int64(i.ctime.Nsec) }

func (i info) isDir() bool { return i.mode&unix.S_IFMT == unix.S_IFDIR }

// setNode sets what statx knows of a node.
func (i info) setNode(n *canon.Node) error {
	kind, ok := canon.KindOfMode(i.mode)
	if !ok {
		return fmt.Errorf("the file type of mode %o is unknown", i.mode)
	}
	n.Kind = kind
	n.Perm = uint16(i.mode & 0o7777)
	n.UID, n.GID = i.uid, i.gid
	n.Mtime = i.mtime
	if kind == canon.Regular {
		n.Size = i.size
	}
	if !kind.IsDevice() {
		return nil
	}
	var err error
	n.Rdev, err = canon.EncodeRdev(int64(i.rdevMajor), int64(i.rdevMinor))
	return err
}

// isOf says that it can be of the inode that a node was made of.
func (i info) isOf(n *canon.Node) bool {
	var other canon.Node
	return i.setNode(&other) == nil &&
		other.Kind == n.Kind && other.Perm == n.Perm && other.UID == n.UID && other.GID == n.GID &&
		other.Mtime == n.Mtime && other.Size == n.Size && other.Rdev == n.Rdev
}

// procPath leads to what a descriptor is open for, even with O_PATH and
// for a symlink, without any name that could meanwhile mean another file.
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func openAt(dirfd int, name string, flags int) (int, error) {
	return retry(func() (int, error) { return unix.Openat(dirfd, name, flags|unix.O_CLOEXEC, 0) })
}

// retry repeats a system call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
