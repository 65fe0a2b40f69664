package scan

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"cfsverify/canon"
)

// Unread are directories that were scanned but for the content of their files. Whoever
// puts them together then has only that read which is needed.
type Unread struct {
	// Roots are the directories in the order in which they were named. Names of one
	// inode have one node, even in several of them.
	Roots []*canon.Node

	options  Options
	progress *progress
	scans    []*scan
	// stores are the directories of AddObject.
	stores map[string]*scan
}

// Metadata reads directories, each as Directory does, but no content of files. Mounts in
// them are an error, whatever Options.Mounts is. What it gives must be closed.
func Metadata(ctx context.Context, paths []string, o Options) (*Unread, error) {
	u := &Unread{options: o, progress: &progress{report: o.Progress}, stores: map[string]*scan{}}
	links := links{}
	var refused []error
	for _, path := range paths {
		s, err := u.open(path)
		if err == nil {
			s.links = links
			u.scans = append(u.scans, s)
			u.Roots = append(u.Roots, s.root.node)
			err = s.walkOnly(ctx)
		}
		if err != nil {
			u.Close()
			return nil, err
		}
		refused = append(refused, s.refusal())
	}
	if err := errors.Join(refused...); err != nil {
		u.Close()
		return nil, err
	}
	return u, nil
}

func (u *Unread) open(path string) (*scan, error) {
	root, err := openRoot(path, MountsFail)
	if err != nil {
		return nil, err
	}
	// The walk closes the descriptor that it has.
	base, err := retry(func() (int, error) { return unix.FcntlInt(uintptr(root.fd), unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil {
		unix.Close(root.fd)
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return &scan{
		path: path, hash: u.options.Hash, objects: u.options.Objects, progress: u.progress,
		root: root, base: base, names: make([]byte, 64<<10),
	}, nil
}

func (s *scan) walkOnly(ctx context.Context) error {
	defer s.closeDirs()
	defer func() { s.names, s.xattrBuf = nil, [2][]byte{} }()
	if err := s.walk(ctx, s.root); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	return nil
}

// AddObject makes Read give a file that is of none of the directories the content of the
// file at name below the directory store, which must have the file's size.
func (u *Unread) AddObject(n *canon.Node, store, name string) error {
	s := u.stores[store]
	if s == nil {
		var err error
		if s, err = u.open(store); err != nil {
			return err
		}
		unix.Close(s.root.fd)
		u.stores[store] = s
		u.scans = append(u.scans, s)
	}
	s.unread = append(s.unread, content{scan: s, entry: entry{s.root, strings.Trim(name, "/")}, fd: -1, node: n})
	return nil
}

// Read reads the content of those files that are wanted, with all CPUs, and gives it to
// their nodes. It fails as Directory does, and when a file is not the one that was looked
// at before.
func (u *Unread) Read(ctx context.Context, wanted func(*canon.Node) bool) error {
	workers := min(runtime.GOMAXPROCS(0), workersMax)
	contents := make(chan content, workers)
	g, groupCtx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(contents)
		for _, s := range u.scans {
			for _, c := range s.unread {
				if !wanted(c.node) {
					continue
				}
				if _, err := send(groupCtx, contents, c); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for range workers {
		g.Go(func() error { return readContents(groupCtx, contents, u.options.Hash, u.options.Objects) })
	}
	if err := g.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	var refused []error
	for _, s := range u.scans {
		refused = append(refused, s.refusal())
	}
	u.progress.end()
	return errors.Join(refused...)
}

// Close closes the directories.
func (u *Unread) Close() {
	for _, s := range u.scans {
		unix.Close(s.base)
	}
	u.scans = nil
}

// open opens the file below the scanned directory, if permissions allow it, where no
// symlink and no mount leads elsewhere.
func (c *content) open() error {
	fd, err := openWithin(c.scan.base, c.entry.path()[1:])
	if err != nil {
		return c.scan.cannotRead(c.entry, "content", err)
	}
	stat, err := statx(fd, "")
	switch {
	case err != nil:
		err = c.scan.cannotRead(c.entry, "metadata", err)
	case c.stat == info{}:
		if stat.mode&unix.S_IFMT != unix.S_IFREG || stat.size != c.node.Size {
			err = fmt.Errorf("%q is no file of %d bytes, as was stated of it", c.scan.show(c.entry), c.node.Size)
		}
		c.stat = stat
	case c.stat != stat:
		err = c.scan.changed(c.entry)
	}
	if err != nil {
		unix.Close(fd)
		return err
	}
	c.fd = fd
	return nil
}

// pathMost is how long a path may be that is opened in one step.
const pathMost = unix.PathMax - 1

// openWithin opens what lies at a path below a directory with O_PATH.
func openWithin(dirfd int, path string) (int, error) {
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	}
	open := func(dirfd int, path string) (int, error) {
		return retry(func() (int, error) { return unix.Openat2(dirfd, path, &how) })
	}
	if len(path) <= pathMost {
		return open(dirfd, path)
	}
	cut := strings.LastIndexByte(path[:pathMost], '/')
	if cut < 0 {
		return -1, unix.ENAMETOOLONG
	}
	dir, err := open(dirfd, path[:cut])
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	return openWithin(dir, path[cut+1:])
}
