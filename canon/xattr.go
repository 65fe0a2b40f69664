package canon

import (
	"slices"
	"strings"
)

// Xattr is an extended attribute with its full name, such as
// "security.capability".
type Xattr struct {
	Name  string
	Value string
}

// Xattrs are an inode's extended attributes in the order of their names' bytes.
type Xattrs []Xattr

func (x Xattrs) find(name string) (int, bool) {
	return slices.BinarySearchFunc(x, name, func(a Xattr, name string) int {
		return strings.Compare(a.Name, name)
	})
}

// Get returns the value of an attribute, and whether there is one.
func (x Xattrs) Get(name string) (string, bool) {
	if i, ok := x.find(name); ok {
		return x[i].Value, true
	}
	return "", false
}

// Set adds an attribute or replaces its value.
func (x *Xattrs) Set(name, value string) {
	i, ok := x.find(name)
	if ok {
		(*x)[i].Value = value
		return
	}
	*x = slices.Insert(*x, i, Xattr{name, value})
}

// Remove removes an attribute, if there is one of that name.
func (x *Xattrs) Remove(name string) {
	if i, ok := x.find(name); ok {
		*x = slices.Delete(*x, i, i+1)
	}
}

// Clone returns a copy that can be changed without changing x.
func (x Xattrs) Clone() Xattrs { return slices.Clone(x) }

// Without returns the attributes for which drop is false. It does not change x.
func (x Xattrs) Without(drop func(Xattr) bool) Xattrs {
	if !slices.ContainsFunc(x, drop) {
		return x
	}
	return slices.DeleteFunc(x.Clone(), drop)
}
