package canon

import (
	"errors"
	"fmt"
	"strings"
)

// Limits that every composefs image has; see linux/limits.h and the EROFS
// on-disk format (e_name_len, e_value_size).
const (
	NameMax       = 255
	XattrNameMax  = 255
	XattrValueMax = 65535
	TargetMax     = 4095
)

// ValidName says what is wrong with a dirent's name, nil if nothing.
func ValidName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case name == "." || name == "..":
		return fmt.Errorf("%q is no name for an entry", name)
	case len(name) > NameMax:
		return fmt.Errorf("the name has %d bytes, the limit is %d", len(name), NameMax)
	case strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("the name %q holds a slash or a NUL byte", name)
	}
	return nil
}

// Validate says which rule of the package documentation the tree breaks first,
// with the path; nil if none.
func (t *Tree) Validate() error {
	if t.Root == nil || t.Root.Kind != Directory {
		return errors.New("/: the root is not a directory")
	}
	return validateDir("/", t.Root, map[*Node]bool{t.Root: true})
}

func validateDir(path string, n *Node, dirs map[*Node]bool) error {
	if err := n.validate(); err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	prefix := strings.TrimSuffix(path, "/") + "/"
	for _, e := range n.Children() {
		if err := ValidName(e.Name); err != nil {
			return fmt.Errorf("%q: %w", prefix+e.Name, err)
		}
		if e.Node.Kind != Directory {
			if err := e.Node.validate(); err != nil {
				return fmt.Errorf("%q: %w", prefix+e.Name, err)
			}
			continue
		}
		if dirs[e.Node] {
			return fmt.Errorf("%q: a second name of a directory: only other files can be hardlinked", prefix+e.Name)
		}
		dirs[e.Node] = true
		if err := validateDir(prefix+e.Name, e.Node, dirs); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) validate() error {
	switch {
	case n.Kind < Regular || n.Kind > Socket:
		return fmt.Errorf("unknown type %d", n.Kind)
	case n.Perm > 0o7777:
		return fmt.Errorf("mode %o has bits beyond 07777", n.Perm)
	case n.dir != nil && n.Kind != Directory:
		return fmt.Errorf("a %v has entries below it", n.Kind)
	case n.Rdev != 0 && !n.Kind.IsDevice():
		return fmt.Errorf("a %v has a device number", n.Kind)
	case n.Kind != Regular && n.Content != nil:
		return fmt.Errorf("a %v has content", n.Kind)
	case n.Size != 0 && (n.Kind == Directory || n.Kind == Symlink):
		return fmt.Errorf("a %v has a size", n.Kind)
	case n.Kind == Regular && (n.Size > 0) != (n.Content != nil):
		return fmt.Errorf("the size is %d, but that is not what the content says", n.Size)
	case n.Kind != Symlink && n.Target != "":
		return fmt.Errorf("a %v has a symlink target", n.Kind)
	}
	if n.Kind == Symlink {
		if n.Target == "" || len(n.Target) > TargetMax || strings.Contains(n.Target, "\x00") {
			return fmt.Errorf("a symlink's target has 1 to %d bytes without NUL, not %q", TargetMax, n.Target)
		}
	}
	if c := n.Content; c != nil && c.Inline != nil {
		if uint64(len(c.Inline)) != n.Size {
			return fmt.Errorf("the size is %d, the content has %d bytes", n.Size, len(c.Inline))
		}
		if !c.Digest.IsZero() || c.Payload() != "" {
			return errors.New("the content is both in the tree and in the content store")
		}
	}
	return n.Xattrs.validate()
}

func (x Xattrs) validate() error {
	for i, a := range x {
		switch {
		case a.Name == "" || len(a.Name) > XattrNameMax || strings.Contains(a.Name, "\x00"):
			return fmt.Errorf("an xattr name has 1 to %d bytes without NUL, not %q", XattrNameMax, a.Name)
		case len(a.Value) > XattrValueMax:
			return fmt.Errorf("xattr %q has %d bytes, the limit is %d", a.Name, len(a.Value), XattrValueMax)
		case i > 0 && x[i-1].Name >= a.Name:
			return fmt.Errorf("xattr %q is out of order or there twice", a.Name)
		}
	}
	return nil
}
