package overlayfs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// What fuse-overlayfs has for itself: main.c and utils.h of version 1.16.
const (
	fuseWhiteout = ".wh."
	fuseOpaque   = ".wh..wh..opq"
	fusePrefix   = linux.UserPrefix + "fuseoverlayfs."

	// fuseEncoded begins the names of xattrs that a store could not set under their own.
	fuseEncoded = linux.UserPrefix + "containers.override_"
)

// overrideStats are the xattrs of which a layer's root has one if what inodes state
// counts in place of what the file system says: the first of them that it has.
var overrideStats = []string{
	linux.SecurityPrefix + "fuseoverlayfs.override_stat",
	fuseEncoded + "stat",
	fusePrefix + "override_stat",
}

// opaques are the xattrs of which the first counts that a directory has.
var opaques = []string{linux.OverlayOpaque, linux.UserOverlayOpaque, fusePrefix + "opaque"}

// isFuseXattr says that fuse-overlayfs does not list an xattr.
func isFuseXattr(name string) bool {
	return strings.HasPrefix(name, fusePrefix) || strings.HasPrefix(name, linux.OverlayPrefix) || strings.HasPrefix(name, linux.UserOverlayPrefix)
}

func fuseXattrs(xattrs canon.Xattrs) canon.Xattrs {
	return xattrs.Without(func(x canon.Xattr) bool { return isFuseXattr(x.Name) })
}

func fuseOpacity(dir *canon.Node) string {
	for _, name := range opaques {
		if value, ok := dir.Xattrs.Get(name); ok {
			return value[:min(1, len(value))]
		}
	}
	return ""
}

// fuseLayer makes of a layer for fuse-overlayfs what it is to the kernel's
// overlayfs: whiteouts become devices 0:0.
func fuseLayer(root *canon.Node) error {
	l := fuseReader{}
	for _, name := range overrideStats {
		if _, ok := root.Xattrs.Get(name); ok {
			l.override = name
			break
		}
	}
	if err := l.inode(root); err != nil {
		return fmt.Errorf("\"/\": %w", err)
	}
	return l.directory("", root)
}

type fuseReader struct {
	// override is the xattr that states owner and mode, empty if none does.
	override string
}

func (l fuseReader) directory(path string, dir *canon.Node) error {
	for _, e := range slices.Clone(dir.Children()) {
		hidden, isWhiteout := strings.CutPrefix(e.Name, fuseWhiteout)
		if !isWhiteout {
			continue
		}
		dir.Remove(e.Name)
		switch {
		case e.Name != fuseOpaque && hidden != "":
			dir.Put(canon.Dirent{Name: hidden, Node: &canon.Node{Kind: canon.CharDevice}})
		case e.Name == fuseOpaque && fuseOpacity(dir) == "":
			dir.Xattrs.Set(fusePrefix+"opaque", "y")
		}
	}
	for _, e := range dir.Children() {
		path := path + "/" + e.Name
		if err := l.inode(e.Node); err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
		if e.Node.Kind == canon.Directory {
			if err := l.directory(path, e.Node); err != nil {
				return err
			}
		}
	}
	return nil
}

// inode sets what an inode states of itself. The xattr stays: the mount shows it as
// well.
func (l fuseReader) inode(n *canon.Node) error {
	if l.override == "" || n.Kind != canon.Regular && n.Kind != canon.Directory {
		return nil
	}
	for _, x := range n.Xattrs.Clone() {
		if name, ok := strings.CutPrefix(x.Name, fuseEncoded); ok && strings.HasPrefix(name, linux.SecurityPrefix) {
			n.Xattrs.Remove(x.Name)
			n.Xattrs.Set(name, x.Value)
		}
	}
	value, ok := n.Xattrs.Get(l.override)
	if !ok {
		return nil
	}
	stat, err := ParseOverrideStat(value)
	if err != nil {
		return fmt.Errorf("xattr %q: %w", l.override, err)
	}
	if stat.Kind == 0 {
		stat.Kind = n.Kind
	}
	if stat.Kind == canon.Symlink || (stat.Kind == canon.Directory) != (n.Kind == canon.Directory) {
		return fmt.Errorf("xattr %q makes a %v of a %v", l.override, stat.Kind, n.Kind)
	}
	n.Kind, n.Perm, n.UID, n.GID, n.Rdev = stat.Kind, stat.Perm, stat.UID, stat.GID, stat.Rdev
	if n.Kind != canon.Regular {
		n.Size, n.Content = 0, nil
	}
	return nil
}

// OverrideStat is what an xattr such as user.containers.override_stat states of an
// inode.
type OverrideStat struct {
	UID, GID uint32
	Perm     uint16
	// Kind is 0 if the inode is of the kind that it is of in the layer.
	Kind canon.Kind
	// Rdev is set for devices.
	Rdev uint32
}

// ParseOverrideStat reads UID:GID:MODE or UID:GID:MODE:TYPE, with a mode in octal, as
// containers/storage writes it: Stat.UnmarshalText of its pkg/idtools.
func ParseOverrideStat(value string) (OverrideStat, error) {
	fields := strings.Split(value, ":")
	if len(fields) != 3 && len(fields) != 4 {
		return OverrideStat{}, fmt.Errorf("%q is not UID:GID:MODE or UID:GID:MODE:TYPE", value)
	}
	uid, errUID := strconv.ParseUint(fields[0], 10, 32)
	gid, errGID := strconv.ParseUint(fields[1], 10, 32)
	mode, errMode := strconv.ParseUint(fields[2], 8, 16)
	if err := errors.Join(errUID, errGID, errMode); err != nil {
		return OverrideStat{}, err
	}
	stat := OverrideStat{UID: uint32(uid), GID: uint32(gid), Perm: uint16(mode & 0o7777)}
	if len(fields) == 3 {
		return stat, nil
	}
	kind, device, isDevice := strings.Cut(fields[3], "-")
	var ok bool
	if stat.Kind, ok = overrideKinds[kind]; !ok || isDevice != stat.Kind.IsDevice() {
		return OverrideStat{}, fmt.Errorf("%q is no type of file", fields[3])
	}
	if !isDevice {
		return stat, nil
	}
	majorText, minorText, _ := strings.Cut(device, "-")
	major, errMajor := strconv.ParseUint(majorText, 10, 32)
	minor, errMinor := strconv.ParseUint(minorText, 10, 32)
	if err := errors.Join(errMajor, errMinor); err != nil {
		return OverrideStat{}, err
	}
	rdev, err := canon.EncodeRdev(int64(major), int64(minor))
	if err != nil {
		return OverrideStat{}, err
	}
	stat.Rdev = rdev
	return stat, nil
}

var overrideKinds = map[string]canon.Kind{
	"file": canon.Regular, "dir": canon.Directory, "symlink": canon.Symlink, "pipe": canon.FIFO,
	"socket": canon.Socket, "block": canon.BlockDevice, "char": canon.CharDevice,
}
