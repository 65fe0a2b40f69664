package scan

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
)

// xattrMax is XATTR_SIZE_MAX and XATTR_LIST_MAX of include/uapi/linux/limits.h:
// the kernel returns nothing larger.
const xattrMax = 65536

// readXattrs reads all extended attributes that the kernel lists. The
// descriptor may be one of O_PATH, of any type of file.
func (s *scan) readXattrs(fd int, e entry) (canon.Xattrs, error) {
	path := procPath(fd)
	for try := 1; ; try++ {
		xattrs, gone, err := s.readXattrsOnce(path, e)
		if err != nil || gone == "" {
			return xattrs, err
		}
		if try == tries {
			return nil, fmt.Errorf("%q: xattr %q is listed but has no value: stop what writes there, or scan a mounted image", s.show(e), gone)
		}
	}
}

// readXattrsOnce returns the name of an attribute that was listed but has no
// value, if there is one.
func (s *scan) readXattrsOnce(path string, e entry) (xattrs canon.Xattrs, gone string, err error) {
	list, err := xattrCall(&s.xattrBuf[0], func(buf []byte) (int, error) { return unix.Listxattr(path, buf) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", s.cannotRead(e, "xattrs", err)
	}
	for name := range strings.SplitSeq(string(list), "\x00") {
		if name == "" {
			continue
		}
		value, err := xattrCall(&s.xattrBuf[1], func(buf []byte) (int, error) { return unix.Getxattr(path, name, buf) })
		if errors.Is(err, unix.ENODATA) {
			return nil, name, nil
		}
		if err != nil {
			if err := s.cannotRead(e, fmt.Sprintf("xattr %q", name), err); err != nil {
				return nil, "", err
			}
			continue
		}
		if len(value) > canon.XattrValueMax {
			return nil, "", fmt.Errorf("%q: xattr %q has %d bytes, an image holds up to %d", s.show(e), name, len(value), canon.XattrValueMax)
		}
		xattrs.Set(name, string(value))
	}
	return xattrs, "", nil
}

// xattrCall calls with a small buffer, for the kernel allocates one of the
// same size, and with the largest there can be if that does not do. Thus no
// size is asked for that could be wrong at the next call.
func xattrCall(buf *[]byte, call func([]byte) (int, error)) ([]byte, error) {
	if *buf == nil {
		*buf = make([]byte, xattrMax)
	}
	for _, size := range []int{512, xattrMax} {
		n, err := retry(func() (int, error) { return call((*buf)[:size]) })
		if err == nil {
			return (*buf)[:n], nil
		}
		if !errors.Is(err, unix.ERANGE) {
			return nil, err
		}
	}
	return nil, unix.E2BIG
}

// SeesTrustedXattrs says that the kernel shows this process trusted.*
// attributes: it does so only with CAP_SYS_ADMIN in the first user namespace
// (xattr(7)), and gives no error else.
func SeesTrustedXattrs() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil || data[0].Effective&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return false
	}
	idMap, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && slices.Equal(strings.Fields(string(idMap)), []string{"0", "0", "4294967295"})
}
