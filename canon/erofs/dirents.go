package erofs

import (
	"iter"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// names yields the names of a directory in the order of their bytes, "." and
// ".." left out, with no dirent for a stub.
func (img *image) names(i int) iter.Seq2[string, *canon.Dirent] {
	children := img.inodes[i].node.Children()
	if i == 0 && img.format.escapesWhiteouts {
		return withStubs(children)
	}
	return func(yield func(string, *canon.Dirent) bool) {
		for i := range children {
			if !yield(children[i].Name, &children[i]) {
				return
			}
		}
	}
}

func (img *image) countNames(i int) int {
	n := 0
	for range img.names(i) {
		n++
	}
	return n
}

// withStubs adds the stubs that the root does not have.
func withStubs(children []canon.Dirent) iter.Seq2[string, *canon.Dirent] {
	return func(yield func(string, *canon.Dirent) bool) {
		next := 0
		for s := range stubCount {
			name := stubName(s)
			for next < len(children) && children[next].Name < name {
				if !yield(children[next].Name, &children[next]) {
					return
				}
				next++
			}
			if next < len(children) && children[next].Name == name {
				continue
			}
			if !yield(name, nil) {
				return
			}
		}
		for ; next < len(children); next++ {
			if !yield(children[next].Name, &children[next]) {
				return
			}
		}
	}
}

func stubName(i int) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[i>>4], digits[i&15]})
}

// isStubLike says that a dirent of the root is just what a stub would be.
func isStubLike(root *canon.Node, e *canon.Dirent) bool {
	n := e.Node
	if !n.IsWhiteout() || !isStubName(e.Name) || n.Mode() != stubMode ||
		n.UID != root.UID || n.GID != root.GID || n.Mtime != root.Mtime {
		return false
	}
	return slices.Equal(n.Xattrs, stubXattrs(root))
}

// stubXattrs are those of a stub: the root's label, if it has one.
func stubXattrs(root *canon.Node) canon.Xattrs {
	if label, ok := root.Xattrs.Get(linux.SecuritySELinux); ok {
		return canon.Xattrs{{Name: linux.SecuritySELinux, Value: label}}
	}
	return nil
}

// dirents yields the names of a directory, "." and ".." among them, with the
// number of the inode that each leads to, in the order of their bytes.
func (img *image) dirents(i int) iter.Seq2[string, int] {
	in := &img.inodes[i]
	return func(yield func(string, int) bool) {
		dots := []string{".", ".."}
		number := []int{i, int(in.parent)}
		k := in.children
		for name := range img.names(i) {
			for len(dots) > 0 && dots[0] < name {
				if !yield(dots[0], number[0]) {
					return
				}
				dots, number = dots[1:], number[1:]
			}
			if !yield(name, img.number(img.children[k])) {
				return
			}
			k++
		}
		for j := range dots {
			if !yield(dots[j], number[j]) {
				return
			}
		}
	}
}

type dirent struct {
	name   string
	number int
}

// dirGroups calls do with each block's worth of a directory's dirents in
// e.group.
func (e *encoder) dirGroups(i int, do func(last bool)) {
	e.group = e.group[:0]
	used := 0
	for name, number := range e.dirents(i) {
		cost := direntSize + len(name)
		if used+cost > blockSize {
			do(false)
			e.group = e.group[:0]
			used = 0
		}
		used += cost
		e.group = append(e.group, dirent{name, number})
	}
	do(true)
}

// appendGroup appends struct erofs_dirent of each dirent in e.group, then the
// names.
func (e *encoder) appendGroup(b []byte) []byte {
	nameOffset := direntSize * len(e.group)
	for _, d := range e.group {
		target := &e.inodes[d.number]
		b = le.AppendUint64(b, target.nid)
		b = le.AppendUint16(b, uint16(nameOffset))
		b = append(b, fileType(target.kind()), 0)
		nameOffset += len(d.name)
	}
	for _, d := range e.group {
		b = append(b, d.name...)
	}
	return b
}

func fileType(k canon.Kind) byte {
	return [...]byte{
		canon.Regular: fileTypeRegular, canon.Directory: fileTypeDirectory, canon.Symlink: fileTypeSymlink,
		canon.CharDevice: fileTypeCharDevice, canon.BlockDevice: fileTypeBlockDevice,
		canon.FIFO: fileTypeFIFO, canon.Socket: fileTypeSocket,
	}[k]
}
