package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/layer"
)

const (
	// directoryPerm is what both engines make directories with. The other files
	// that they make get the mode of their entries at once.
	directoryPerm = 0o777
	// umask is the usual one.
	umask = 0o022
)

// newInode makes what an engine gets when it makes a file in a directory.
func (u *unpacker) newInode(parent *canon.Node, kind canon.Kind) *canon.Node {
	perm := uint16(0)
	if kind == canon.Directory {
		perm = directoryPerm
	}
	n := linux.Create(parent, kind, perm, umask)
	n.Mtime = u.now
	return n
}

func (u *unpacker) link(dir *canon.Node, name string, n *canon.Node) {
	if n.IsWhiteout() {
		u.whiteouts[n] = u.at
	}
	dir.Put(canon.Dirent{Name: name, Node: n})
	dir.Mtime = u.now
}

func (u *unpacker) remove(dir *canon.Node, name string) {
	if e := dir.Child(name); e != nil {
		if kind := e.Node.Kind; kind == canon.Directory || kind == canon.Symlink {
			u.leads.forget()
		}
		dir.Remove(name)
		dir.Mtime = u.now
	}
}

// setMetadata does to an inode what a header says.
func (u *unpacker) setMetadata(n *canon.Node, e *layer.Entry) error {
	h := e.Header
	linux.Chown(n, uint32(h.UID), uint32(h.GID))
	if n.Kind != canon.Symlink {
		linux.Chmod(n, uint16(h.Mode&0o7777))
	}
	if u.engine.ClearXattrs {
		n.Xattrs = nil
	}
	for _, x := range tarfile.Xattrs(h.PAX) {
		if u.engine.ignores(x) {
			continue
		}
		if err := linux.SetXattr(n, x.Name, x.Value); err != nil {
			return fmt.Errorf("xattr %q: %w", x.Name, err)
		}
	}
	switch {
	case n.Kind == canon.Directory && u.engine.DirectoryTimesLast:
		u.directories = append(u.directories, u.at.Entry)
	case n.Kind == canon.Symlink && e.IsHardlink():
	default:
		n.Mtime = u.mtime(h.Mtime, n.Kind)
	}
	return nil
}

// ignores says that the engine does not try to set an xattr. archive/tar drops
// empty values.
func (e Engine) ignores(x canon.Xattr) bool {
	return x.Value == "" || slices.Contains(e.IgnoreXattrs, x.Name)
}

// Keeps says that a scan shows an xattr, as it is, after the engine unpacked
// it.
func (e Engine) Keeps(kind canon.Kind, x canon.Xattr) bool {
	if e.ignores(x) || e.LayerDirectories && strings.HasPrefix(x.Name, linux.OverlayPrefix) {
		return false
	}
	n := canon.Node{Kind: kind}
	err := linux.SetXattr(&n, x.Name, x.Value)
	return err == nil && slices.Equal(n.Xattrs, canon.Xattrs{x})
}

const (
	// second is one in nanoseconds.
	second = 1_000_000_000
	// yearOne is the zero value of time.Time, which engines take for no time.
	yearOne = -62135596800
	// ext4First and ext4Last are the seconds that ext4 keeps, without a fraction:
	// EXT4_TIMESTAMP_MIN and EXT4_EXTRA_TIMESTAMP_MAX of fs/ext4/ext4.h. XFS keeps
	// some more.
	ext4First = math.MinInt32
	ext4Last  = 1<<34 - 1 + math.MinInt32
)

// mtime gives what an inode keeps of a header's mtime.
func (u *unpacker) mtime(t canon.Time, kind canon.Kind) canon.Time {
	if u.engine.EpochRange && kind != canon.Symlink {
		if t.Sec < 0 || t.Compare(canon.LastNanosecond()) > 0 {
			return canon.Time{}
		}
	}
	if t == (canon.Time{Sec: yearOne}) {
		return u.now
	}
	ns := t.Sec*second + int64(t.Nsec)
	sec := ns / second
	if ns%second < 0 {
		sec--
	}
	if kept := min(max(sec, ext4First), ext4Last); kept != sec || kept == ext4First || kept == ext4Last {
		return canon.Time{Sec: kept}
	}
	return canon.Time{Sec: sec, Nsec: uint32(ns - sec*second)}
}
