package erofs

import (
	"errors"
	"fmt"
	"strings"

	"cfsverify/canon"
)

// readDir reads a directory's dirents and the inodes that they lead to.
func (r *reader) readDir(d directory) error {
	fail := func(err error) error { return fmt.Errorf("%q: %w", d.path+"/", err) }
	if d.depth > treeDepthMax {
		return fmt.Errorf("more than %d directories lie in each other", treeDepthMax)
	}
	data, err := r.flat(d.inode)
	if err != nil {
		return fail(err)
	}
	r.image.dirSizes[d.node] = d.inode.size
	last, dots := "", 0
	for len(data) > 0 {
		block := data[:min(blockSize, len(data))]
		data = data[len(block):]
		err := eachRawDirent(block, func(e rawDirent) error {
			if e.name <= last && last != "" || e.name == "" {
				return fmt.Errorf("the name %q is empty or out of order", e.name)
			}
			last = e.name
			switch e.name {
			case ".", "..":
				dots++
				if e.name == "." && e.nid != d.inode.nid || e.name == ".." && e.nid != d.parent {
					return fmt.Errorf("%q leads to inode %d", e.name, e.nid)
				}
				return nil
			}
			return r.readEntry(d, e)
		})
		if err != nil {
			return fail(err)
		}
	}
	if dots != 2 {
		return fail(errors.New("the directory lacks \".\" or \"..\""))
	}
	return nil
}

// readEntry adds one name to a directory.
func (r *reader) readEntry(d directory, e rawDirent) error {
	if err := canon.ValidName(e.name); err != nil {
		return err
	}
	memory := nameMemory + len(e.name)
	if e.fileType == fileType(canon.Directory) {
		// It waits with its path.
		memory += len(d.path)
	}
	if err := r.charge(int64(memory)); err != nil {
		return err
	}
	if n := r.nodes[e.nid]; n != nil {
		if n.Kind == canon.Directory {
			return fmt.Errorf("%q leads to the directory inode %d, which has a name already", e.name, e.nid)
		}
		if err := checkType(e, n.Kind); err != nil {
			return err
		}
		if n.Nlink <= 1 {
			r.understated[n] = true
		}
		number, waits := r.unplaced[e.nid]
		isPlace := waits && r.isNext(number)
		if isPlace {
			delete(r.unplaced, e.nid)
		}
		d.node.Put(canon.Dirent{Name: e.name, Node: n, Hardlink: !isPlace})
		return nil
	}
	in, err := r.inode(e.nid)
	if err != nil {
		return fmt.Errorf("%q: %w", e.name, err)
	}
	if err := checkType(e, in.kind); err != nil {
		return err
	}
	isPlace := r.isNext(in.number)
	if !isPlace {
		r.unplaced[e.nid] = in.number
	}
	if in.kind == canon.CharDevice && in.union == 0 && r.image.Version != V2 {
		if d.depth > 0 || !isStubName(e.name) {
			return fmt.Errorf("%q is a character device 0:0, which this version of the format has for nothing but its own marks in the root", e.name)
		}
		r.nodes[e.nid] = &canon.Node{Kind: canon.Directory}
		_, err := r.xattrsOf(in)
		return err
	}
	n, err := r.node(in)
	if err != nil {
		return fmt.Errorf("%q: %w", e.name, err)
	}
	r.nodes[e.nid] = n
	d.node.Put(canon.Dirent{Name: e.name, Node: n, Hardlink: !isPlace})
	if in.kind == canon.Directory {
		r.directories = append(r.directories, directory{node: n, inode: in, parent: d.inode.nid, path: d.path + "/" + e.name, depth: d.depth + 1})
	}
	return nil
}

func checkType(e rawDirent, kind canon.Kind) error {
	if fileType(kind) != e.fileType {
		return fmt.Errorf("%q is of type %d, its inode is a %v", e.name, e.fileType, kind)
	}
	return nil
}

// isNext says that an inode's number is the next one in the order of V0 and V1,
// so that the name which led to it is its place, and goes on to the next.
func (r *reader) isNext(number uint32) bool {
	if uint64(number) != r.nextNumber {
		return false
	}
	r.nextNumber++
	return true
}

// clearPlaces removes all Hardlink marks, from which nothing follows where
// inodes are not numbered as V0 and V1 do. Only the names of an inode that states
// one link and has more keep them: nothing else would tell that it has.
func (r *reader) clearPlaces() {
	for e := range r.image.Tree.Dirents() {
		e.Hardlink = r.understated[e.Node]
	}
}

func isStubName(name string) bool {
	const digits = "0123456789abcdef"
	return len(name) == 2 && strings.IndexByte(digits, name[0]) >= 0 && strings.IndexByte(digits, name[1]) >= 0
}

// rawDirent is struct erofs_dirent with its name.
type rawDirent struct {
	name     string
	nid      uint64
	fileType byte
}

// eachRawDirent reads one block of dirents.
func eachRawDirent(block []byte, do func(rawDirent) error) error {
	if len(block) < direntSize {
		return errors.New("a block of dirents is truncated")
	}
	first := int(le.Uint16(block[8:]))
	if first == 0 || first%direntSize != 0 || first > len(block) {
		return fmt.Errorf("a block of dirents has its first name at %d", first)
	}
	count := first / direntSize
	for i := range count {
		b := block[i*direntSize:]
		start, end := int(le.Uint16(b[8:])), len(block)
		if i+1 < count {
			end = int(le.Uint16(block[(i+1)*direntSize+8:]))
		}
		if start < first || end < start || end > len(block) {
			return fmt.Errorf("dirent %d has its name from %d to %d", i, start, end)
		}
		name := block[start:end]
		if i+1 == count {
			name = trimZeros(name)
		}
		if err := do(rawDirent{string(name), le.Uint64(b), b[10]}); err != nil {
			return err
		}
	}
	return nil
}

// trimZeros ends the last name of a block, which zeros may follow.
func trimZeros(name []byte) []byte {
	for i, c := range name {
		if c == 0 {
			return name[:i]
		}
	}
	return name
}
