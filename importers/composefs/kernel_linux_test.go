package composefs_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
)

// shown is what a mounted image shows of an inode.
type shown struct {
	mode, uid, gid, rdev uint32
	nlink                uint64 // not of directories
	size                 int64  // not of directories
	mtime                canon.Time
	target, content      string
	// xattrs have all values that a name stands for.
	xattrs map[string][]string
	// first is the first name of the inode.
	first string
}

// stubName says that the root of an image may have a mark of that name.
func stubName(name string) bool {
	return len(name) == 2 && strings.Trim(name, "0123456789abcdef") == ""
}

// expected is what the kernel is to show of an image without an overlay over it, whose tree
// was read: whiteouts are files with marks, names of overlayfs are escaped, and content is
// elsewhere (composefs's format, "user whiteouts" and "backing files").
func expected(img *erofs.Image) map[string]shown {
	escapes := img.Version != erofs.V2
	all := map[string]shown{}
	firsts := map[*canon.Node]string{}
	holds := map[*canon.Node]bool{}
	links := img.Tree.Hardlinks()
	isPlace := func(e *canon.Dirent) bool { names := links.Of(e.Node); return names == nil || names.Place == e }
	for e := range img.Tree.Dirents() {
		children := e.Node.Children()
		for i := range children {
			if c := &children[i]; escapes && c.Node.IsWhiteout() && isPlace(c) {
				holds[e.Node] = true
			}
		}
	}
	for path, e := range img.Tree.All() {
		n := e.Node
		if firsts[n] == "" {
			firsts[n] = path
		}
		s := shown{mode: n.Mode(), uid: n.UID, gid: n.GID, mtime: n.Mtime, xattrs: map[string][]string{}, first: firsts[n], target: n.Target}
		if n.Kind != canon.Directory {
			s.nlink = uint64(n.Nlink)
		}
		if n.Kind.IsDevice() {
			s.rdev = n.Rdev
		}
		add := func(name, value string) { s.xattrs[name] = append(s.xattrs[name], value) }
		for _, x := range n.Xattrs {
			name := x.Name
			if rest, is := strings.CutPrefix(name, "trusted.overlay."); is {
				name = "trusted.overlay.overlay." + rest
			}
			add(name, x.Value)
		}
		switch {
		case escapes && n.IsWhiteout():
			s.mode = 0o100000 | uint32(n.Perm)
			add("trusted.overlay.overlay.whiteout", "")
			add("user.overlay.whiteout", "")
		case n.Kind == canon.Symlink:
			s.size = int64(len(n.Target))
		case n.Kind == canon.Regular:
			s.size = int64(n.Size)
			if c := n.Content; c != nil && c.Inline != nil {
				s.content = string(c.Inline)
			} else if c != nil {
				value := ""
				if !c.Digest.IsZero() {
					digest := string(c.Digest.AppendBytes(nil))
					value = "\x00" + string(rune(4+len(digest))) + "\x00" + string(rune(c.Digest.Algorithm())) + digest
				}
				add("trusted.overlay.metacopy", value)
				if c.Payload() != "" {
					add("trusted.overlay.redirect", "/"+c.Payload())
				}
			}
		}
		if holds[n] {
			add("trusted.overlay.overlay.whiteouts", "")
			add("user.overlay.whiteouts", "")
			if img.Version == erofs.V1 {
				add("trusted.overlay.overlay.opaque", "x")
				add("user.overlay.opaque", "x")
			}
		}
		if path == "/" && escapes {
			add("trusted.overlay.opaque", "y")
		}
		all[path] = s
	}
	return all
}

// mountImage mounts an image of which the caller unmounts dir.
func mountImage(file, dir string) error {
	err := unix.Mount(file, dir, "erofs", unix.MS_RDONLY, "")
	if !errors.Is(err, unix.ENOTBLK) {
		return err
	}
	// The kernel mounts no files, as before Linux 6.12.
	if out, err := exec.Command("mount", "-t", "erofs", "-o", "loop,ro", file, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// kernelShows is what the kernel shows of an image.
func kernelShows(t *testing.T, data []byte) (all map[string]shown, err error) {
	t.Helper()
	dir := t.TempDir()
	file, mounted := filepath.Join(dir, "image"), filepath.Join(dir, "mounted")
	if err := errors.Join(os.WriteFile(file, data, 0o644), os.Mkdir(mounted, 0o755)); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := mountImage(file, mounted); err != nil {
		return nil, fmt.Errorf("mount: %w", err)
	}
	defer func() {
		if unmount := unix.Unmount(mounted, 0); unmount != nil {
			t.Errorf("unmount: %v", unmount)
		}
	}()
	all = map[string]shown{}
	firsts := map[uint64]string{}
	// Directories that lie in themselves end no walk.
	const most = 1000
	err = filepath.WalkDir(mounted, func(name string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if len(all) > most {
			return fmt.Errorf("more than %d names", most)
		}
		path := "/" + strings.TrimPrefix(strings.TrimPrefix(name, mounted), "/")
		s, ino, err := kernelInode(name)
		if err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
		if firsts[ino] == "" {
			firsts[ino] = path
		}
		s.first = firsts[ino]
		all[path] = s
		return nil
	})
	return all, err
}

func kernelInode(name string) (s shown, ino uint64, err error) {
	var stat unix.Stat_t
	if err := unix.Lstat(name, &stat); err != nil {
		return s, 0, fmt.Errorf("stat: %w", err)
	}
	s = shown{mode: stat.Mode, uid: stat.Uid, gid: stat.Gid, mtime: canon.Time{Sec: stat.Mtim.Sec, Nsec: uint32(stat.Mtim.Nsec)}, xattrs: map[string][]string{}}
	kind := stat.Mode & unix.S_IFMT
	if kind != unix.S_IFDIR {
		s.nlink, s.size = stat.Nlink, stat.Size
	}
	switch kind {
	case unix.S_IFCHR, unix.S_IFBLK:
		s.rdev, err = canon.EncodeRdev(int64(unix.Major(stat.Rdev)), int64(unix.Minor(stat.Rdev)))
	case unix.S_IFLNK:
		s.target, err = os.Readlink(name)
	}
	if err != nil {
		return s, 0, err
	}
	list := make([]byte, 1<<16)
	n, err := unix.Llistxattr(name, list)
	if err != nil {
		return s, 0, fmt.Errorf("listxattr: %w", err)
	}
	for _, x := range strings.Split(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		if x == "" {
			continue
		}
		value := make([]byte, 1<<16)
		n, err := unix.Lgetxattr(name, x, value)
		switch {
		case err == nil:
			s.xattrs[x] = append(s.xattrs[x], string(value[:n]))
		case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EPERM), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE), errors.Is(err, unix.EOPNOTSUPP):
			s.xattrs[x] = nil
		default:
			return s, 0, fmt.Errorf("getxattr %q: %w", x, err)
		}
	}
	if _, external := s.xattrs["trusted.overlay.metacopy"]; kind == unix.S_IFREG && !external && s.size < 1<<16 {
		content, err := os.ReadFile(name)
		if err != nil {
			return s, 0, fmt.Errorf("read: %w", err)
		}
		s.content = string(content)
	}
	return s, stat.Ino, nil
}

// differences are those between what is expected and what the kernel shows. Of an image
// that no writer makes, xattrs for overlayfs alone are not compared.
func shownDifferences(want, got map[string]shown, exact bool) (list []string) {
	for _, path := range slices.Sorted(maps.Keys(got)) {
		g := got[path]
		w, ok := want[path]
		switch {
		case !ok && g.mode == 0o020000|g.mode&0o7777 && g.rdev == 0 && stubName(strings.TrimPrefix(path, "/")):
			continue
		case !ok:
			list = append(list, fmt.Sprintf("%q is shown only", path))
			continue
		}
		for name, values := range xattrDifferences(w, g, exact) {
			list = append(list, fmt.Sprintf("%q: xattr %q: %q", path, name, values))
		}
		w.xattrs, g.xattrs = nil, nil
		if w.content == "" {
			// Content that is elsewhere is shown as zeros.
			g.content = ""
		}
		if fmt.Sprint(w) != fmt.Sprint(g) {
			list = append(list, fmt.Sprintf("%q: want %+v, shown is %+v", path, w, g))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if _, ok := got[path]; !ok {
			list = append(list, fmt.Sprintf("%q is not shown", path))
		}
	}
	return list
}

// xattrDifferences knows which names the kernel has no handler for, and which values it does
// not give: those of names that are too long or without a name behind the name space, of
// users on what is no file or directory, of ACLs and capabilities that are none.
func xattrDifferences(want, got shown, exact bool) map[string][][]string {
	differ := map[string][][]string{}
	isCompared := func(name string) bool {
		space, _, _ := strings.Cut(name, ".")
		isOverlays := strings.HasPrefix(name, "trusted.overlay.") && !strings.HasPrefix(name, "trusted.overlay.overlay.")
		return slices.Contains([]string{"user", "trusted", "security"}, space) && (exact || !isOverlays)
	}
	for name, values := range want.xattrs {
		if !isCompared(name) {
			continue
		}
		space, rest, _ := strings.Cut(name, ".")
		shown, ok := got.xattrs[name]
		kind := want.mode & unix.S_IFMT
		isHidden := rest == "" || len(name) > canon.XattrNameMax || space == "user" && kind != unix.S_IFREG && kind != unix.S_IFDIR || name == "security.capability"
		if !ok || len(shown) == 0 && !isHidden || len(shown) > 0 && !slices.Contains(values, shown[0]) {
			differ[name] = [][]string{values, shown}
		}
	}
	for name, shown := range got.xattrs {
		if _, ok := want.xattrs[name]; !ok && isCompared(name) {
			differ[name] = [][]string{nil, shown}
		}
	}
	return differ
}
