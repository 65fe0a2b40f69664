// Package labels holds the content of the files of an SELinux policy, which the trees
// of importers have only the digests of and which labelling for booting needs
// (canon/selinux): while layers are read, by a second look at them, from a directory,
// or from a content store. What the files say is not known here.
package labels

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/selinux"
	"cfsverify/importers/image"
)

// Holder gives the function that chooses what a reading of layers holds: what may be a
// policy file by its name, and the entries of the boot loader, which notes are about, until
// all have selinux.ContentMax bytes together.
func Holder() func(path string, size uint64) bool {
	return within(func(path string, _ uint64) bool {
		return selinux.MayBeFile("/"+path) || strings.HasPrefix(path, "boot/loader/entries/")
	})
}

// within chooses as wanted does, up to selinux.ContentMax bytes.
func within(wanted func(path string, size uint64) bool) func(path string, size uint64) bool {
	var held atomic.Int64
	return func(path string, size uint64) bool {
		return size <= selinux.ContentMax && wanted(path, size) && held.Add(int64(size)) <= selinux.ContentMax
	}
}

// FromImage looks for what a tree of an opened image still lacks in its layers once
// more: the inode of a policy file may have its content under another name. It asks for
// digests, so that it does not matter which entry has the content. Layers that cannot be
// read twice are left alone.
func FromImage(ctx context.Context, img *image.Image, reading image.ReadOptions, t *canon.Tree) error {
	for {
		missing, err := selinux.Missing(t)
		// What is wrong with the policy is for who applies it to say.
		if err != nil || len(missing) == 0 || !img.Reopens() {
			return nil
		}
		sizes := map[uint64]bool{}
		for _, f := range missing {
			sizes[f.Node.Size] = true
		}
		again := reading
		again.Objects, again.Shared, again.Inspector, again.Progress = nil, nil, nil, nil
		again.Hold = within(func(_ string, size uint64) bool { return sizes[size] })
		layers, err := img.Layers(ctx, again)
		if err != nil {
			return err
		}
		have := map[fsverity.Digest][]byte{}
		for _, l := range layers {
			for _, e := range l.List {
				if c := e.Node.Content; c != nil && c.Held != nil {
					have[c.Digest] = c.Held
				}
			}
		}
		found := false
		for _, f := range missing {
			if content := have[f.Node.Content.Digest]; content != nil {
				f.Hold(content)
				found = true
			}
		}
		if !found {
			return nil
		}
	}
}

// FromDirectory reads what a tree that was scanned lacks from its directory. Content
// that is not what the scan saw is an error.
func FromDirectory(dir string, t *canon.Tree) error {
	return fromFiles(dir, t, "%q has changed since it was scanned", func(f selinux.File) string { return strings.TrimPrefix(f.Path, "/") })
}

// FromLayers reads what a tree lacks from the directories of layers that it was made of: of
// the files at a path, the first with the content that the tree has the digest of. What none
// has, or nobody may read, is left alone.
func FromLayers(dirs []string, t *canon.Tree) (err error) {
	var roots []*os.Root
	defer func() {
		for _, root := range roots {
			err = errors.Join(err, root.Close())
		}
	}()
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return err
		}
		roots = append(roots, root)
	}
	for {
		missing, err := selinux.Missing(t)
		if err != nil || len(missing) == 0 {
			return nil
		}
		found := false
		for _, f := range missing {
			if content := inLayers(roots, f); content != nil {
				f.Hold(content)
				found = true
			}
		}
		if !found {
			return nil
		}
	}
}

func inLayers(roots []*os.Root, f selinux.File) []byte {
	c := f.Node.Content
	if f.Node.Size > selinux.ContentMax || c == nil || c.Digest.IsZero() {
		return nil
	}
	for _, root := range roots {
		content, err := read(root, strings.TrimPrefix(f.Path, "/"), int64(f.Node.Size))
		if err == nil && fsverity.SumBytes(c.Digest.Algorithm(), content) == c.Digest {
			return content
		}
	}
	return nil
}

// FromStore reads what a tree lacks from a composefs content store, as far as it is there.
// Content that is not what its name says is an error.
func FromStore(dir string, t *canon.Tree) error {
	err := fromFiles(dir, t, "what the content store has at %q is not of that digest", func(f selinux.File) string {
		// A dump file may have neither.
		if c := f.Node.Content; c != nil && !c.Digest.IsZero() {
			return c.Payload()
		}
		return ""
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// fromFiles reads from the files below a directory that name gives, out of which no
// symlink leads. otherwise is the error for content that is not of the tree's digest.
func fromFiles(dir string, t *canon.Tree, otherwise string, name func(selinux.File) string) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for {
		missing, err := selinux.Missing(t)
		if err != nil || len(missing) == 0 {
			return nil
		}
		for _, f := range missing {
			if f.Node.Size > selinux.ContentMax {
				return nil
			}
			path := name(f)
			if path == "" {
				return nil
			}
			content, err := read(root, path, int64(f.Node.Size))
			if err != nil {
				return err
			}
			if digest := f.Node.Content.Digest; fsverity.SumBytes(digest.Algorithm(), content) != digest {
				return fmt.Errorf(otherwise, path)
			}
			f.Hold(content)
		}
	}
}

// read reads one byte more than there may be, if there is one.
func read(root *os.Root, path string, size int64) (data []byte, err error) {
	if info, err := root.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is no regular file", path)
	}
	// Whatever became of the file since, opening it must not wait.
	f, err := root.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, size+1))
}
