package objects

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/outpath"
	"cfsverify/importers/staging"
)

// Store takes the content that importers hash into a composefs content
// store: a directory in which a file of digest abcd… lies at ab/cd….
//
// Content is staged in the directory first. Commit gives each object that a
// tree needs its name, in one step, when it is complete and its digest known;
// Close removes all that is left.
type Store struct {
	root   *os.Root
	staged *staging.Dir
	// files counts those that were begun.
	files atomic.Int64
	// space is nil unless some must be left for others.
	space *space
	close func() error
}

// Open makes the directory, if it is not there, and a place to stage
// in it. Symlinks in it are not followed.
func Open(dir string) (*Store, error) { return newStore(dir, ".cfsverify-", nil) }

// Temporary makes a store in os.TempDir, from which nothing is committed. It takes no
// more space there than leaves some for others; see SpaceError.
func Temporary() (*Store, error) { return newStore(os.TempDir(), "cfsverify-staging-", &space{}) }

func newStore(dir, prefix string, limit *space) (*Store, error) {
	root, err := outpath.Directory(dir, limit == nil)
	if err != nil {
		return nil, err
	}
	staged, err := staging.New(root, prefix)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &Store{root: root, staged: staged, space: limit, close: sync.OnceValue(func() error { return errors.Join(staged.Close(), root.Close()) })}, nil
}

// Open opens content that was hashed into the store and not yet committed.
func (s *Store) Open(d fsverity.Digest) (*os.File, error) { return s.staged.Open(d.String()) }

// OpenContent does what Open does for a file of a tree.
func (s *Store) OpenContent(_ string, n *canon.Node) (io.ReadCloser, error) {
	return s.Open(n.Content.Digest)
}

// Commit moves what the tree needs to its place, after all of it is on disk. It
// replaces what is there, so that a damaged object is mended.
func (s *Store) Commit(t *canon.Tree) error {
	if err := s.sync(); err != nil {
		return err
	}
	done := map[fsverity.Digest]bool{}
	for file, e := range t.All() {
		c := e.Node.Content
		if c == nil || c.Inline != nil || done[c.Digest] {
			continue
		}
		name := c.Digest.ObjectPath()
		if err := outpath.CheckNoLink(s.root, path.Dir(name)); err != nil {
			return err
		}
		if err := s.root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		if err := s.root.Rename(path.Join(s.staged.Name, c.Digest.String()), name); err != nil {
			return fmt.Errorf("%q: %w", file, err)
		}
		done[c.Digest] = true
	}
	return nil
}

func (s *Store) sync() error {
	dir, err := s.staged.Root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(dir.Fd())), dir.Close())
}

// Close removes what was not committed. It can be called again.
func (s *Store) Close() error { return s.close() }

// create begins a file.
func (s *Store) create() (*os.File, error) {
	return s.staged.OpenFile("new-"+strconv.FormatInt(s.files.Add(1), 10), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// Hasher hashes one file after the other and, if it has a store, keeps
// what it hashes there.
type Hasher struct {
	fsverity *fsverity.Hasher
	store    *Store
	file     *os.File
}

// NewHasher keeps what it hashes in the store, if there is one.
func NewHasher(alg fsverity.Algorithm, store *Store) *Hasher {
	return &Hasher{fsverity: fsverity.New(alg), store: store}
}

// Start begins a file, which is to be kept or just hashed. One that was not ended
// is dropped.
func (c *Hasher) Start(keep bool) error {
	c.fsverity.Reset()
	if c.store == nil {
		return nil
	}
	if err := c.drop(); err != nil || !keep {
		return err
	}
	f, err := c.store.create()
	c.file = f
	return err
}

func (c *Hasher) drop() error {
	if c.file == nil {
		return nil
	}
	f := c.file
	c.file = nil
	return errors.Join(f.Close(), c.store.staged.Remove(path.Base(f.Name())))
}

func (c *Hasher) Write(p []byte) (int, error) {
	if c.file != nil {
		if err := c.store.take(len(p)); err != nil {
			return 0, err
		}
		if n, err := c.file.Write(p); err != nil {
			return n, c.store.full(err)
		}
	}
	return c.fsverity.Write(p)
}

// Zeros adds a hole of n bytes.
func (c *Hasher) Zeros(n uint64) error {
	if c.file != nil {
		if _, err := c.file.Seek(int64(n), io.SeekCurrent); err != nil {
			return err
		}
	}
	c.fsverity.WriteZeros(n)
	return nil
}

// End gives the digest of the file, and stages it under that.
func (c *Hasher) End() (fsverity.Digest, error) {
	digest := c.fsverity.Digest()
	if c.file == nil {
		return digest, nil
	}
	f := c.file
	c.file = nil
	// A hole at the end has not made the file longer.
	err := errors.Join(f.Truncate(int64(c.fsverity.Size())), f.Chmod(0o644), f.Close())
	if err == nil {
		err = c.store.staged.Rename(path.Base(f.Name()), digest.String())
	}
	return digest, err
}
