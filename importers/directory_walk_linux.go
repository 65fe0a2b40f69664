package importers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
)

// scanEntry is a name in a directory; the root has neither.
type scanEntry struct {
	dir  *scanDir
	name string
}

// path is relative to the scanned directory and begins with a slash.
func (e scanEntry) path() string {
	if e.dir == nil {
		return "/"
	}
	size := 0
	for p := e; p.dir != nil; p = p.dir.entry {
		size += 1 + len(p.name)
	}
	path := make([]byte, size)
	for p := e; p.dir != nil; p = p.dir.entry {
		size -= len(p.name)
		copy(path[size:], p.name)
		size--
		path[size] = '/'
	}
	return string(path)
}

// scanDir is a directory from where its scan begins to where it ends.
type scanDir struct {
	entry scanEntry
	fd    int // opened with O_PATH
	stat  scanInfo
	node  *canon.Node
}

// scanLink is an inode that has been seen, with its ctime then: in nanoseconds,
// which may overflow, as they are only compared.
type scanLink struct {
	node  *canon.Node
	ctime int64
}

// scanLinks are the inodes of each device by their numbers.
type scanLinks map[uint64]map[uint64]scanLink

func (l scanLinks) add(i scanInfo, n *canon.Node) {
	if l[i.inode.dev] == nil {
		l[i.inode.dev] = map[uint64]scanLink{}
	}
	l[i.inode.dev][i.inode.ino] = scanLink{n, i.ctimeNanoseconds()}
}

func (l scanLinks) find(i scanInfo) (scanLink, bool) {
	link, ok := l[i.inode.dev][i.inode.ino]
	return link, ok
}

// scanDepthMax is as deep as a path of PATH_MAX bytes can lead.
const scanDepthMax = unix.PathMax / 2

// scanDir reads a directory with all below it, and closes it.
func (s *dirScan) scanDir(ctx context.Context, d *scanDir) error {
	s.push(d)
	if len(s.stack) > scanDepthMax {
		return fmt.Errorf("%.200q…: directories are nested more than %d deep", s.show(d.entry), scanDepthMax)
	}
	names, err := s.list(ctx, d)
	if err != nil {
		return err
	}
	if err := s.setNode(d.node, d.fd, d.stat, d.entry); err != nil {
		return err
	}
	s.progress.add(1, 0)
	d.node.Grow(len(names))
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.scanEntry(ctx, scanEntry{d, name}); err != nil {
			return err
		}
	}
	if err := s.checkUnchanged(d.fd, d.stat, d.entry); err != nil {
		return err
	}
	return s.pop()
}

func (s *dirScan) push(d *scanDir) {
	s.stack = append(s.stack, d)
	if len(s.stack)-s.closed > scanOpenDirsMax {
		unix.Close(s.stack[s.closed].fd)
		s.closed++
	}
}

// pop closes the directory that was scanned last. Its parent is opened again
// by "..", if that is still the same directory.
func (s *dirScan) pop() error {
	last := len(s.stack) - 1
	d := s.stack[last]
	if last > 0 && s.closed == last {
		parent := s.stack[last-1]
		fd, err := scanOpen(d.fd, "..", unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return fmt.Errorf("parent of %q: %w", s.show(d.entry), err)
		}
		parent.fd = fd
		s.closed--
		if stat, err := scanStat(fd, ""); err != nil || stat.inode != parent.stat.inode {
			return s.changed(parent.entry)
		}
	}
	unix.Close(d.fd)
	s.stack = s.stack[:last]
	return nil
}

func (s *dirScan) closeDirs() {
	for _, d := range s.stack[s.closed:] {
		unix.Close(d.fd)
	}
}

// scanTries is how often something is read that changes meanwhile.
const scanTries = 3

// list returns the sorted names in a directory, and sets its stat to one that
// held all the while. The first listing may itself change the ctime: overlayfs
// then drops an xattr that it no longer needs (ovl_cache_get_impure in
// fs/overlayfs/readdir.c).
func (s *dirScan) list(ctx context.Context, d *scanDir) ([]string, error) {
	twice := ""
	for range scanTries {
		names, err := s.readNames(ctx, d)
		if err != nil {
			return nil, s.cannotRead(d.entry, "entries", err)
		}
		before := d.stat
		if d.stat, err = scanStat(d.fd, ""); err != nil {
			return nil, s.cannotRead(d.entry, "metadata", err)
		}
		slices.Sort(names)
		twice = scanTwice(names)
		if d.stat == before && twice == "" {
			return names, nil
		}
	}
	if twice != "" {
		return nil, fmt.Errorf("%q is listed twice: the file system is damaged or at fault, check it", s.show(scanEntry{d, twice}))
	}
	return nil, s.changed(d.entry)
}

// scanTwice returns a name that is in a sorted list twice, if there is one.
func scanTwice(names []string) string {
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return names[i]
		}
	}
	return ""
}

// readNames opens a directory and reads it. Not every file system can rewind
// one that is open.
func (s *dirScan) readNames(ctx context.Context, d *scanDir) ([]string, error) {
	fd, err := scanOpen(unix.AT_FDCWD, scanProcPath(d.fd), unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var names []string
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := scanRetry(func() (int, error) { return unix.Getdents(fd, s.names) })
		if err != nil || n == 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(s.names[:n], -1, names)
	}
}

func (s *dirScan) scanEntry(ctx context.Context, e scanEntry) error {
	if err := canon.ValidName(e.name); err != nil {
		return fmt.Errorf("%q: %w", s.show(e), err)
	}
	fd, err := scanOpen(e.dir.fd, e.name, unix.O_PATH|unix.O_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) && s.stillListed(ctx, e) {
		return fmt.Errorf("%q is listed but not there, as overlayfs does with a whiteout in a directory that no other layer has: "+
			"no tool can scan this; build the layer without that whiteout", s.show(e))
	}
	if err != nil {
		return s.cannotRead(e, "metadata", err)
	}
	// Who takes the descriptor over closes it.
	taken, err := s.scanOpened(ctx, e, fd)
	if !taken {
		unix.Close(fd)
	}
	return err
}

// stillListed says that the directory did not change and has the name.
func (s *dirScan) stillListed(ctx context.Context, e scanEntry) bool {
	before := e.dir.stat
	names, err := s.list(ctx, e.dir)
	return err == nil && e.dir.stat == before && slices.Contains(names, e.name)
}

func (s *dirScan) scanOpened(ctx context.Context, e scanEntry, fd int) (taken bool, err error) {
	stat, err := scanStat(fd, "")
	if err != nil {
		return false, s.cannotRead(e, "metadata", err)
	}
	if !s.cross && stat.isMount(s.root.stat) {
		s.refused.Store(true)
		s.mounts = append(s.mounts, e.path())
		return false, nil
	}
	if stat.isDir() {
		d := &scanDir{entry: e, fd: fd, stat: stat, node: &canon.Node{Kind: canon.Directory}}
		e.dir.node.Put(canon.Dirent{Name: e.name, Node: d.node})
		return true, s.scanDir(ctx, d)
	}
	s.progress.add(1, 0)
	if seen, ok := s.links.find(stat); ok {
		switch {
		case seen.ctime != stat.ctimeNanoseconds():
			return false, s.changed(e)
		case !stat.isOf(seen.node):
			return false, fmt.Errorf("%q has the inode number of another file: the file system is at fault, scan a copy elsewhere", s.show(e))
		}
		e.dir.node.Put(canon.Dirent{Name: e.name, Node: seen.node})
		return false, nil
	}
	n := s.nodes.New()
	s.links.add(stat, n)
	e.dir.node.Put(canon.Dirent{Name: e.name, Node: n})
	if err := s.setNode(n, fd, stat, e); err != nil {
		return false, err
	}
	if n.Kind == canon.Regular && n.Size > 0 {
		return s.sendContent(ctx, scanContent{entry: e, fd: fd, stat: stat, node: n})
	}
	return false, s.checkUnchanged(fd, stat, e)
}

// setNode sets all of a node but a file's content.
func (s *dirScan) setNode(n *canon.Node, fd int, stat scanInfo, e scanEntry) error {
	if err := stat.setNode(n); err != nil {
		return fmt.Errorf("%q: %w", s.show(e), err)
	}
	if n.Kind == canon.Symlink {
		buf := make([]byte, canon.TargetMax+1)
		size, err := unix.Readlinkat(fd, "", buf)
		if err != nil {
			return s.cannotRead(e, "target", err)
		}
		switch {
		case size == 0:
			return fmt.Errorf("%q: the symlink has no target: the file system is damaged or at fault, check it", s.show(e))
		case size > canon.TargetMax:
			return fmt.Errorf("%q: the symlink's target has more than %d bytes", s.show(e), canon.TargetMax)
		}
		n.Target = string(buf[:size])
	}
	var err error
	n.Xattrs, err = s.readXattrs(fd, e)
	return err
}

func (s *dirScan) checkUnchanged(fd int, before scanInfo, e scanEntry) error {
	after, err := scanStat(fd, "")
	if err != nil {
		return s.cannotRead(e, "metadata", err)
	}
	if after != before {
		return s.changed(e)
	}
	return nil
}
