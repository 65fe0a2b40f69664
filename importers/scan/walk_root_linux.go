package scan

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/objects"
)

// Directory reads the root file system at path, which may be a symlink to
// it. Below it no symlink is followed and nothing is left out. Non-directories
// of one device and inode number are one inode: link counts are not consulted,
// since union file systems get them wrong.
//
// It fails, naming the path, when a file or directory changes between the first
// and the last look at it, when something is mounted below path (unless
// Options.Mounts allows it), when path is the root of the running system,
// when directories are nested too deep for any path, and when an inode does not
// fit a composefs image. Where permissions are missing, the rest is still looked at and the
// error is, or wraps, an *UnreadableError. Kernels hide trusted.* xattrs from
// processes without CAP_SYS_ADMIN: to such a scan they do not exist.
func Directory(ctx context.Context, path string, o Options) (*canon.Tree, error) {
	root, err := openRoot(path, o.Mounts)
	if err != nil {
		return nil, err
	}
	workers := min(runtime.GOMAXPROCS(0), workersMax)
	s := &scan{
		path:     path,
		hash:     o.Hash,
		objects:  o.Objects,
		progress: &progress{report: o.Progress},
		cross:    o.Mounts == MountsCross,
		root:     root,
		links:    links{},
		contents: make(chan content, workers),
		names:    make([]byte, 64<<10),
	}
	if err := s.run(ctx, workers); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	if err := s.refusal(); err != nil {
		return nil, err
	}
	tree := &canon.Tree{Root: root.node}
	tree.CountLinks()
	s.progress.end()
	return tree, nil
}

// At most this many files are read at a time, and this many directories kept
// open. With the files that wait to be read, some 130 descriptors are in use,
// which leaves room below the usual RLIMIT_NOFILE of 1024.
const (
	workersMax  = 32
	openDirsMax = 32
)

// scan is one run of Directory. One goroutine walks the tree and reads
// everything but the content of files, which others read.
type scan struct {
	path     string
	base     int // the directory, while files are read after the walk
	hash     fsverity.Algorithm
	objects  *objects.Store
	progress *progress
	cross    bool // into other mounts

	// What only the walk uses.
	root     *directory
	stack    []*directory // from the root to the directory that is being scanned
	closed   int          // so many of the stack, from the root on, are not open now
	links    links
	nodes    canon.Nodes
	mounts   []string
	names    []byte
	xattrBuf [2][]byte
	unread   []content // where contents is nil

	// contents are the files that others read, as soon as the walk finds them.
	contents chan content
	// refused is set when no tree can come of the scan any more.
	refused    atomic.Bool
	mu         sync.Mutex
	unreadable []UnreadablePath // guarded by mu
}

func (s *scan) run(ctx context.Context, workers int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(s.contents)
		defer s.closeDirs()
		return s.walk(ctx, s.root)
	})
	for range workers {
		g.Go(func() error { return readContents(ctx, s.contents, s.hash, s.objects) })
	}
	err := g.Wait()
	for c := range s.contents {
		unix.Close(c.fd)
	}
	return err
}

func (s *scan) refusal() error {
	var errs []error
	if len(s.mounts) > 0 {
		slices.Sort(s.mounts)
		errs = append(errs, &MountsError{Root: s.path, Mounts: s.mounts})
	}
	if len(s.unreadable) > 0 {
		slices.SortFunc(s.unreadable, func(a, b UnreadablePath) int {
			if c := strings.Compare(a.Path, b.Path); c != 0 {
				return c
			}
			return strings.Compare(a.What, b.What)
		})
		errs = append(errs, &UnreadableError{Root: s.path, Paths: s.unreadable})
	}
	return errors.Join(errs...)
}

// cannotRead notes what permissions forbid, and gives every other error back
// with the path.
func (s *scan) cannotRead(e entry, what string, err error) error {
	switch {
	// The kernel answers EOVERFLOW for a security.capability whose root user has
	// no id in the reader's user namespace (cap_inode_getsecurity).
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EOVERFLOW):
		s.refused.Store(true)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unreadable = append(s.unreadable, UnreadablePath{Path: e.path(), What: what, Err: err})
		return nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESTALE):
		return s.changed(e)
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return fmt.Errorf("%s of %q: %w: raise the limit (ulimit -n)", what, s.show(e), err)
	}
	return fmt.Errorf("%s of %q: %w", what, s.show(e), err)
}

func (s *scan) changed(e entry) error {
	return fmt.Errorf("%q changed while it was scanned: stop what writes there, or scan a mounted image", s.show(e))
}

// show is an entry's path as the user knows it.
func (s *scan) show(e entry) string {
	return strings.TrimRight(s.path, "/") + strings.TrimSuffix(e.path(), "/")
}

// openRoot opens the directory with O_PATH.
func openRoot(path string, mounts MountPolicy) (*directory, error) {
	fd, err := openAt(unix.AT_FDCWD, path, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("%q: %w: name the directory of an unpacked or mounted image", path, err)
	}
	root, err := newRoot(fd, path)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	if mounts != MountsSkip {
		return root, nil
	}
	if root.fd, err = withoutMounts(fd); err != nil {
		return nil, fmt.Errorf("%q: what other mounts hide cannot be seen: %w: scan as root of the host, or unmount them", path, err)
	}
	if root.stat, err = statx(root.fd, ""); err != nil {
		unix.Close(root.fd)
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return root, nil
}

// withoutMounts gives, in place of a directory's descriptor, one of the same
// directory in a mount of its own that no other mount is in: open_tree(2)
// without AT_RECURSIVE.
func withoutMounts(fd int) (int, error) {
	defer unix.Close(fd)
	return retry(func() (int, error) {
		return unix.OpenTree(fd, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	})
}

func newRoot(fd int, path string) (*directory, error) {
	stat, err := statx(fd, "")
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	if slash, err := statx(unix.AT_FDCWD, "/"); err == nil && slash.inode == stat.inode && slash.mount == stat.mount {
		return nil, fmt.Errorf("%q is the root of the running system, which holds more than an image: mount the image, or bind it, at a directory of its own and scan that", path)
	}
	if self, err := statx(unix.AT_FDCWD, procPath(fd)); err != nil || self.inode != stat.inode {
		return nil, errors.New("/proc is not mounted, or it is that of other processes: mount it (mount -t proc proc /proc): through /proc/self/fd a scan reads exactly the file it looked at, and the xattrs of symlinks and devices")
	}
	return &directory{fd: fd, stat: stat, node: &canon.Node{Kind: canon.Directory}}, nil
}
