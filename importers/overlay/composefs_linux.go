package overlay

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/linux"
	"cfsverify/importers/scan"
)

// composefsLayer is a layer that is backed by a composefs image.
type composefsLayer struct {
	layer Layer
	root  *canon.Node
	// files are those whose content is an object, with its path below the directory.
	files []objectFile
}

type objectFile struct {
	node *canon.Node
	name string
}

// imageMax is how many bytes a layer's composefs image may have.
const imageMax = 1 << 30

func readComposefs(l Layer) (composefsLayer, error) {
	f, err := os.OpenFile(l.Composefs, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return composefsLayer{}, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return composefsLayer{}, err
	} else if !info.Mode().IsRegular() {
		return composefsLayer{}, fmt.Errorf("%q is no regular file", l.Composefs)
	}
	data, err := io.ReadAll(io.LimitReader(f, imageMax+1))
	if err != nil {
		return composefsLayer{}, err
	}
	if len(data) > imageMax {
		return composefsLayer{}, fmt.Errorf("%q has more than %d bytes", l.Composefs, imageMax)
	}
	image, err := erofs.Read(data, erofs.Mkcomposefs)
	if err != nil {
		return composefsLayer{}, fmt.Errorf("%q: %w", l.Composefs, err)
	}
	read := composefsLayer{layer: l, root: image.Tree.Root}
	mounted := mountedImage{}
	mounted.file, mounted.dir = image.WhiteoutMarks()
	seen := map[*canon.Node]bool{}
	for e := range image.Tree.Dirents() {
		n := e.Node
		if seen[n] {
			continue
		}
		seen[n] = true
		mounted.show(n)
		if c := n.Content; c != nil && c.Inline == nil {
			read.files = append(read.files, objectFile{n, c.Payload()})
		}
	}
	return read, nil
}

// mountedImage turns what an image's tree has into what a mount of the image has.
type mountedImage struct {
	// file and dir are the marks of whiteouts.
	file, dir []canon.Xattr
}

func (m mountedImage) show(n *canon.Node) {
	var xattrs canon.Xattrs
	for _, x := range n.Xattrs {
		if name, ok := strings.CutPrefix(x.Name, linux.OverlayPrefix); ok {
			x.Name = linux.EscapedOverlayPrefix + name
		}
		xattrs.Set(x.Name, x.Value)
	}
	marks := m.file
	if n.Kind == canon.Directory {
		marks = m.dir
		if !slices.ContainsFunc(n.Children(), func(e canon.Dirent) bool { return e.Node.IsWhiteout() }) {
			marks = nil
		}
	} else if !n.IsWhiteout() {
		marks = nil
	}
	for _, x := range marks {
		xattrs.Set(x.Name, x.Value)
	}
	if n.IsWhiteout() && marks != nil {
		n.Kind = canon.Regular
	}
	n.Xattrs = xattrs
}

// addObjects has the content of those files read that are wanted. Each lies in the
// layer's own directory, or in that of another layer: a mount searches all of them.
func (l composefsLayer) addObjects(unread *scan.Unread, all []composefsLayer, wanted map[*canon.Node]bool) error {
	for _, f := range l.files {
		if !wanted[f.node] {
			continue
		}
		store, err := l.storeOf(f, all)
		if err != nil {
			return err
		}
		if err := unread.AddObject(f.node, store, f.name); err != nil {
			return err
		}
	}
	return nil
}

func (l composefsLayer) storeOf(f objectFile, all []composefsLayer) (string, error) {
	if !fs.ValidPath(f.name) || f.name == "." {
		return "", fmt.Errorf("%q has a file without content, or with content at %q", l.layer.Composefs, f.name)
	}
	for _, other := range all {
		_, err := os.Lstat(filepath.Join(other.layer.Dir, f.name))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return other.layer.Dir, err
		}
	}
	return "", fmt.Errorf("the object %q, which %q names, is not in %q", f.name, l.layer.Composefs, l.layer.Dir)
}
