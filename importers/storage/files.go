package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/printable"
)

// opener opens the files of the layer.
func (l *Layer) opener() (openFile, error) {
	if l.Composefs == "" {
		return l.openName, nil
	}
	f, err := openRegular(l.Composefs)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, composefsMax+1))
	if err == nil && len(raw) > composefsMax {
		err = fmt.Errorf("it has more than %d bytes", composefsMax)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", printable.Text(l.Composefs), err)
	}
	img, err := erofs.Read(raw, erofs.Mkcomposefs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", printable.Text(l.Composefs), err)
	}
	return func(name string) (io.ReadCloser, int64, error) { return l.openObject(img.Tree, name) }, nil
}

// composefsMax is the size in bytes up to which a layer's composefs image is read.
const composefsMax = 512 << 20

// openName opens a file that was unpacked under its name.
func (l *Layer) openName(name string) (io.ReadCloser, int64, error) {
	f, err := openBelow(l.diff, path.Clean("./"+strings.Trim(name, "/")))
	if err != nil {
		return nil, 0, l.explainOpen(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// openObject opens a file of a composefs image, whose content is one of the objects in
// the layer's directory.
func (l *Layer) openObject(tree *canon.Tree, name string) (io.ReadCloser, int64, error) {
	entry := tree.Lookup(path.Clean("/" + name))
	switch {
	case entry == nil:
		return nil, 0, errNotThere
	case entry.Node.Kind != canon.Regular:
		return nil, 0, errNotRegular
	case entry.Node.Content == nil:
		return io.NopCloser(bytes.NewReader(nil)), 0, nil
	case entry.Node.Content.Payload() == "":
		inline := entry.Node.Content.Inline
		return io.NopCloser(bytes.NewReader(inline)), int64(len(inline)), nil
	}
	return l.openName(entry.Node.Content.Payload())
}

// explainOpen says why a file cannot be opened.
func (l *Layer) explainOpen(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
		return errNotThere
	case errors.Is(err, fs.ErrPermission):
		return &PermissionError{Owner: ownerOf(l.Store)}
	}
	return err
}

// PermissionError says that a file may not be read.
type PermissionError struct {
	// Owner is the user ID that the store belongs to, -1 if that is not known.
	Owner int
}

func (e *PermissionError) Error() string {
	if e.Owner < 0 {
		return "may not be read"
	}
	if e.Owner == 0 || e.Owner != os.Geteuid() {
		return fmt.Sprintf("may not be read: the storage is of user %d", e.Owner)
	}
	return "may not be read by its user alone: run the program under podman unshare or buildah unshare"
}

// Is makes it an fs.ErrPermission.
func (e *PermissionError) Is(target error) bool { return target == fs.ErrPermission }

// ownerOf is the user ID that a file belongs to, -1 if that is not known.
func ownerOf(name string) int {
	info, err := os.Stat(name)
	if err != nil {
		return -1
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return int(stat.Uid)
}

// idMap is that of the user namespace, empty if it cannot be read: user_namespaces(7).
func idMap() []string {
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// inUserNamespace says that user IDs are not those of the host.
func inUserNamespace() bool {
	ids := idMap()
	return ids != nil && !slices.Equal(ids, []string{"0", "0", "4294967295"})
}
