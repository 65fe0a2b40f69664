package overlayfs

import (
	"errors"
	"slices"
	"strings"

	"cfsverify/canon"
)

// lower is what one layer has at a path of the mount.
type lower struct {
	// layer counts from 0, the topmost.
	layer int
	node  *canon.Node
}

// Why overlayfs does not let a name be opened: Error.Err.
var (
	// ErrWhiteout is ENOENT.
	ErrWhiteout = errors.New("it is a whiteout in a directory that no other layer has: overlayfs lists it, but does not let it be opened")
	// ErrRedirect is EINVAL.
	ErrRedirect = errors.New("its xattr overlay.redirect is no name and no path: overlayfs does not let it be opened")
	// ErrRedirectName is EACCES.
	ErrRedirectName = errors.New("its xattr overlay.redirect has an empty name, or . or ..: overlayfs does not let it be opened")
	// ErrRedirectOff is EPERM.
	ErrRedirectOff = errors.New("its xattr overlay.redirect leads to another name, which a mount with userxattr does not follow")
	// ErrMetacopyOff is EPERM.
	ErrMetacopyOff = errors.New("the layer has only its metadata, and the mount is not one with metacopy=on")
	// ErrNoData is EIO.
	ErrNoData = errors.New("the layer has only its metadata, and no lower layer has its content: overlayfs does not let it be opened")
	// ErrMetacopySize is EIO.
	ErrMetacopySize = errors.New("its xattr overlay.metacopy is damaged: overlayfs does not let it be opened")
)

// search looks for what a name shows, layer by layer, the topmost first: ovl_lookup
// of fs/overlayfs/namei.c, for a mount without an upper directory.
type search struct {
	rules Rules
	// want is what the next layer is searched for: a name in the parent's directory, or
	// after a redirect a path of the layer, which begins with a slash.
	want                        string
	redirected, metacopy, isDir bool
	stop                        bool
	// last says that no layer is below, where overlayfs looks for no xattrs.
	last bool
}

// find gives what the layers have that a name in merged directories shows, nothing if
// the name is not there. More than one are directories to merge, or else a file and
// the one that has its content. at are the places of those among the directories that
// have the name.
func (m *merger) find(dirs []lower, isRoot bool, name string, at []int) ([]lower, error) {
	s := search{rules: m.rules, want: name}
	var found []lower
	for i := 0; i < len(dirs) && !s.stop; i++ {
		if err := s.mayFollow(); err != nil {
			return nil, err
		}
		if !s.redirected {
			next, _ := slices.BinarySearch(at, i)
			if next == len(at) {
				break
			}
			i = at[next]
		}
		// Below the layers' roots is the empty directory.
		s.last = !m.rules.followsRedirects() && !isRoot && i == len(dirs)-1
		n, err := s.inLayer(dirs[i].node)
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		if !s.metacopy || len(found) == 0 {
			found = append(found, lower{dirs[i].layer, n})
		}
		if !s.stop && strings.HasPrefix(s.want, "/") && !isRoot {
			i = dirs[i].layer
			dirs, isRoot = m.roots, true
		}
	}
	if err := s.mayFollow(); err != nil {
		return nil, err
	}
	if s.metacopy {
		return nil, ErrNoData
	}
	return found, nil
}

func (s *search) mayFollow() error {
	switch {
	case s.metacopy && !(s.rules.Metacopy && s.rules.followsRedirects()):
		return ErrMetacopyOff
	case s.redirected && !s.rules.followsRedirects():
		return ErrRedirectOff
	}
	return nil
}

// inLayer searches a layer's directory, or the whole layer if a path is wanted. A
// redirect on the way changes what lower layers are searched for, but keeps
// what is left of the path.
func (s *search) inLayer(dir *canon.Node) (*canon.Node, error) {
	if !strings.HasPrefix(s.want, "/") {
		return s.inDirectory(dir, s.want, 0, "")
	}
	for left := len(s.want) - 1; dir != nil && dir.Kind == canon.Directory; {
		begin := len(s.want) - left
		name, _, more := strings.Cut(s.want[begin:], "/")
		var err error
		if dir, err = s.inDirectory(dir, name, begin, s.want[begin+len(name):]); err != nil || !more {
			return dir, err
		}
		left -= len(name) + 1
	}
	return nil, nil
}

// inDirectory searches a layer's directory for a name, which is what is wanted from
// begin on, but for the rest.
func (s *search) inDirectory(dir *canon.Node, name string, begin int, rest string) (*canon.Node, error) {
	if name == "" || name == "." || name == ".." {
		return nil, ErrRedirectName
	}
	e := dir.Child(name)
	if e == nil {
		return nil, nil
	}
	n := e.Node
	isEnd := rest == ""
	switch {
	case s.rules.isWhiteout(n), isEnd && s.metacopy && n.Kind != canon.Regular:
		s.stop = true
		return nil, nil
	case n.Kind != canon.Directory:
		if s.isDir || !isEnd {
			s.stop = true
			return nil, nil
		}
		var err error
		s.metacopy, err = s.rules.isMetacopy(n)
		s.stop = !s.metacopy
		if err != nil || s.stop {
			return n, err
		}
	default:
		s.isDir = s.isDir || isEnd
		if s.last {
			return n, nil
		}
		if s.rules.opacity(n) == "y" {
			s.stop = true
			return n, nil
		}
	}
	return n, s.redirect(n, begin, rest)
}

func (s *search) redirect(n *canon.Node, begin int, rest string) error {
	if s.rules.Fuse {
		return nil
	}
	value, ok := s.rules.xattr(n, "redirect")
	if !ok {
		return nil
	}
	to, err := ParseRedirect(value)
	if err != nil {
		return err
	}
	s.redirected = true
	if strings.HasPrefix(to, "/") {
		s.stop = false
		s.want = to + rest
	} else {
		s.want = s.want[:begin] + to + rest
	}
	return nil
}

// ParseRedirect gives what the value of an xattr overlay.redirect leads to: a name in
// the same directory, or a path from the layer's root, which begins with a slash.
// Errors are ErrRedirect: ovl_get_redirect_xattr of fs/overlayfs/util.c.
func ParseRedirect(value string) (string, error) {
	if value == "" {
		return "", ErrRedirect
	}
	to, _, _ := strings.Cut(value, "\x00")
	names, absolute := strings.CutPrefix(to, "/")
	if absolute && slices.Contains(strings.Split(names, "/"), "") || !absolute && strings.Contains(to, "/") {
		return "", ErrRedirect
	}
	return to, nil
}
