package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
)

// entry is a name in a directory; the root has neither.
type entry struct {
	dir  *directory
	name string
}

// path is relative to the scanned directory and begins with a slash.
func (e entry) path() string {
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

// directory is a directory from where its scan begins to where it ends.
type directory struct {
	entry entry
	fd    int // opened with O_PATH
	stat  info
	node  *canon.Node
}

// link is an inode that has been seen, with its ctime then: in nanoseconds,
// which may overflow, as they are only compared.
type link struct {
	node  *canon.Node
	ctime int64
}

// links are the inodes of each device by their numbers.
type links map[uint64]map[uint64]link

func (l links) add(i info, n *canon.Node) {
	if l[i.inode.dev] == nil {
		l[i.inode.dev] = map[uint64]link{}
	}
	l[i.inode.dev][i.inode.ino] = link{n, i.ctimeNanoseconds()}
}

func (l links) find(i info) (link, bool) {
	seen, ok := l[i.inode.dev][i.inode.ino]
	return seen, ok
}

// DepthMax is how deep directories may be nested: as deep as a path of PATH_MAX bytes
// can lead.
const DepthMax = unix.PathMax / 2

// walk reads a directory with all below it, and closes it.
func (s *scan) walk(ctx context.Context, d *directory) error {
	s.push(d)
	if len(s.stack) > DepthMax {
		return fmt.Errorf("%.200q…: directories are nested more than %d deep", s.show(d.entry), DepthMax)
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
		if err := s.visit(ctx, entry{d, name}); err != nil {
			return err
		}
	}
	if err := s.checkUnchanged(d.fd, d.stat, d.entry); err != nil {
		return err
	}
	return s.pop()
}

func (s *scan) push(d *directory) {
	s.stack = append(s.stack, d)
	if len(s.stack)-s.closed > openDirsMax {
		unix.Close(s.stack[s.closed].fd)
		s.closed++
	}
}

// pop closes the directory that was scanned last. Its parent is opened again
// by "..", if that is still the same directory.
func (s *scan) pop() error {
	last := len(s.stack) - 1
	d := s.stack[last]
	if last > 0 && s.closed == last {
		parent := s.stack[last-1]
		fd, err := openAt(d.fd, "..", unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return fmt.Errorf("parent of %q: %w", s.show(d.entry), err)
		}
		parent.fd = fd
		s.closed--
		if stat, err := statx(fd, ""); err != nil || stat.inode != parent.stat.inode {
			return s.changed(parent.entry)
		}
	}
	unix.Close(d.fd)
	s.stack = s.stack[:last]
	return nil
}

func (s *scan) closeDirs() {
	for _, d := range s.stack[s.closed:] {
		unix.Close(d.fd)
	}
}

// tries is how often something is read that changes meanwhile.
const tries = 3

// list returns the sorted names in a directory, and sets its stat to one that
// held all the while. The first listing may itself change the ctime: overlayfs
// then drops an xattr that it no longer needs (ovl_cache_get_impure in
// fs/overlayfs/readdir.c).
func (s *scan) list(ctx context.Context, d *directory) ([]string, error) {
	twice := ""
	for range tries {
		names, err := s.readNames(ctx, d)
		if err != nil {
			return nil, s.cannotRead(d.entry, "entries", err)
		}
		before := d.stat
		if d.stat, err = statx(d.fd, ""); err != nil {
			return nil, s.cannotRead(d.entry, "metadata", err)
		}
		slices.Sort(names)
		twice = doubled(names)
		if d.stat == before && twice == "" {
			return names, nil
		}
	}
	if twice != "" {
		return nil, fmt.Errorf("%q is listed twice: the file system is damaged or at fault, check it", s.show(entry{d, twice}))
	}
	return nil, s.changed(d.entry)
}

// doubled returns a name that is in a sorted list twice, if there is one.
func doubled(names []string) string {
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return names[i]
		}
	}
	return ""
}

// readNames opens a directory and reads it. Not every file system can rewind
// one that is open.
func (s *scan) readNames(ctx context.Context, d *directory) ([]string, error) {
	fd, err := openAt(unix.AT_FDCWD, procPath(d.fd), unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var names []string
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := retry(func() (int, error) { return unix.Getdents(fd, s.names) })
		if err != nil || n == 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(s.names[:n], -1, names)
	}
}

func (s *scan) visit(ctx context.Context, e entry) error {
	if err := canon.ValidName(e.name); err != nil {
		return fmt.Errorf("%q: %w", s.show(e), err)
	}
	fd, err := openAt(e.dir.fd, e.name, unix.O_PATH|unix.O_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) && s.stillListed(ctx, e) {
		return &PhantomError{s.show(e)}
	}
	if err != nil {
		return s.cannotRead(e, "metadata", err)
	}
	// Who takes the descriptor over closes it.
	taken, err := s.visitOpened(ctx, e, fd)
	if !taken {
		unix.Close(fd)
	}
	return err
}

// stillListed says that the directory did not change and has the name.
func (s *scan) stillListed(ctx context.Context, e entry) bool {
	before := e.dir.stat
	names, err := s.list(ctx, e.dir)
	return err == nil && e.dir.stat == before && slices.Contains(names, e.name)
}

func (s *scan) visitOpened(ctx context.Context, e entry, fd int) (taken bool, err error) {
	stat, err := statx(fd, "")
	if err != nil {
		return false, s.cannotRead(e, "metadata", err)
	}
	if !s.cross && stat.isMount(s.root.stat) {
		s.refused.Store(true)
		s.mounts = append(s.mounts, e.path())
		return false, nil
	}
	if stat.isDir() {
		d := &directory{entry: e, fd: fd, stat: stat, node: &canon.Node{Kind: canon.Directory}}
		e.dir.node.Put(canon.Dirent{Name: e.name, Node: d.node})
		return true, s.walk(ctx, d)
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
		c := content{scan: s, entry: e, fd: fd, stat: stat, node: n}
		if s.contents != nil {
			return send(ctx, s.contents, c)
		}
		c.fd = -1
		s.unread = append(s.unread, c)
	}
	return false, s.checkUnchanged(fd, stat, e)
}

// setNode sets all of a node but a file's content.
func (s *scan) setNode(n *canon.Node, fd int, stat info, e entry) error {
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

func (s *scan) checkUnchanged(fd int, before info, e entry) error {
	after, err := statx(fd, "")
	if err != nil {
		return s.cannotRead(e, "metadata", err)
	}
	if after != before {
		return s.changed(e)
	}
	return nil
}
