package blame

import (
	"path"
	"strings"

	"cfsverify/canon"
	"cfsverify/compare"
)

// engineOwned are files that engines mount or write into containers.
var engineOwned = [...]string{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/.dockerenv"}

// engineDirs are directories on which containers have file systems of their own.
var engineDirs = [...]string{"/run", "/proc", "/sys", "/dev"}

func isEngineOwned(p string) bool {
	for _, known := range engineOwned {
		if p == known {
			return true
		}
	}
	for _, dir := range engineDirs {
		if p == dir || strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return false
}

// engineFiles finds mount points and files of engines: those with known names, and
// others that only the scan has, that are empty and newer than all layers. A layer
// may have them too, if an engine committed them.
func (s *scene) engineFiles() {
	stubs := map[string]bool{}
	for i := len(s.items) - 1; i >= 0; i-- {
		it := s.items[i]
		switch {
		case it.onlyIn() && (isEngineOwned(it.Path) || s.isStub(it, stubs)):
		case it.onlyOut() && it.inode().Kind != canon.Socket && isEngineOwned(it.Path):
		case it.Status == compare.Changed && s.isMountedOver(it):
		default:
			continue
		}
		if s.claimAll(EngineFile, it, s.sourceIfAny(it)) {
			stubs[it.Path] = true
		}
	}
	for p := range stubs {
		if dir := s.byPath[path.Dir(p)]; dir != nil && dir.isDir() && dir.onlyMtime() && s.stamped(dir) {
			s.claimAll(EngineFile, dir, nil)
		}
	}
}

// inode is the inode of an item that only one side has.
func (it *item) inode() *canon.Node {
	if it.in != nil {
		return it.in.Node
	}
	return it.out.Node
}

// isMountedOver says that the item is a file that engines mount or write, and that
// its content differs.
func (s *scene) isMountedOver(it *item) bool {
	return s.scanned && it.Path != "/run" && isEngineOwned(it.Path) && it.in.Node.Kind == canon.Regular && (it.has(compare.ContentDigest) || it.has(compare.Size))
}

// isStub says that an item is what an engine makes to mount something on: an
// empty file of its root, or a directory that holds nothing but such.
func (s *scene) isStub(it *item, stubs map[string]bool) bool {
	n := it.in.Node
	if n.UID != 0 || n.GID != 0 || len(n.Xattrs) > 0 || !s.stamped(it) {
		return false
	}
	switch n.Kind {
	case canon.Regular:
		return n.Size == 0 && (n.Perm == 0o755 || n.Perm == 0o700)
	case canon.Directory:
		for _, child := range n.Children() {
			if !stubs[path.Join(it.Path, child.Name)] {
				return false
			}
		}
		return n.Perm == 0o755 || n.Perm == 0o700
	}
	return false
}
