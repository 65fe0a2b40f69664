package objects

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// Store takes the content that importers hash into a composefs content
// store: a directory in which a file of digest abcd… lies at ab/cd….
//
// Content is staged in the directory first. Commit gives each object that a
// tree needs its name, in one step, when it is complete and its digest known;
// Close removes all that is left.
type Store struct {
	dir, staging string
}

// Open makes the directory, if it is not there, and a place to stage
// in it.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	staging, err := os.MkdirTemp(dir, ".cfsverify-")
	if err != nil {
		return nil, err
	}
	return &Store{dir: dir, staging: staging}, nil
}

func (s *Store) staged(d fsverity.Digest) string { return filepath.Join(s.staging, d.String()) }

// Open opens content that was hashed into the store and not yet committed.
func (s *Store) Open(d fsverity.Digest) (*os.File, error) { return os.Open(s.staged(d)) }

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
	for path, e := range t.All() {
		c := e.Node.Content
		if c == nil || c.Inline != nil || done[c.Digest] {
			continue
		}
		name := filepath.Join(s.dir, c.Digest.ObjectPath())
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.Rename(s.staged(c.Digest), name); err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
		done[c.Digest] = true
	}
	return nil
}

func (s *Store) sync() error {
	dir, err := os.Open(s.staging)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(dir.Fd())), dir.Close())
}

// Close removes what was not committed.
func (s *Store) Close() error { return os.RemoveAll(s.staging) }

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
	f, err := os.CreateTemp(c.store.staging, "new-")
	c.file = f
	return err
}

func (c *Hasher) drop() error {
	if c.file == nil {
		return nil
	}
	f := c.file
	c.file = nil
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (c *Hasher) Write(p []byte) (int, error) {
	if c.file != nil {
		if n, err := c.file.Write(p); err != nil {
			return n, err
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
		err = os.Rename(f.Name(), c.store.staged(digest))
	}
	return digest, err
}
