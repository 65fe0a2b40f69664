package dumpfile

import (
	"bytes"

	"cfsverify/canon"
	"cfsverify/canon/printable"
)

// parseLine adds the file of a line to the tree.
func (p *parser) parseLine(line []byte) error {
	p.text, p.canonical = p.text[:0], p.canonical[:0]
	if i := bytes.IndexByte(line, 0); i >= 0 {
		return p.errorAt(i+1, `a NUL byte: write \x00`)
	}
	p.rec.split(line)
	path, err := p.unescape(p.rec.field[fieldPath], 1, fieldPath)
	if err != nil {
		return err
	}
	path = cString(path)
	switch {
	case len(line) == 0:
		return p.errorAt(1, "an empty line")
	case len(path) == 0:
		return p.errorAt(1, "PATH is empty")
	}
	p.path = path
	hardlink, kind, perm, err := p.mode()
	if err != nil {
		return err
	}
	if len(path) == 1 && path[0] == '/' {
		return p.parseRoot(hardlink, kind, perm)
	}
	dir, name, err := p.place()
	if err != nil {
		return err
	}
	if hardlink {
		if kind == canon.Directory {
			return p.fieldError(fieldMode, "MODE %s is that of a directory: only other files can be hardlinks", printable.Text(string(p.rec.field[fieldMode])))
		}
		return p.addLink(dir, name)
	}
	n := p.nodes.New()
	n.Kind, n.Perm = kind, perm
	if err := p.fill(n); err != nil {
		return err
	}
	dir.Put(canon.Dirent{Name: name, Node: n})
	if kind == canon.Directory {
		p.at.enter(p.canonical, n)
	}
	return nil
}

func (p *parser) parseRoot(hardlink bool, kind canon.Kind, perm uint16) error {
	switch {
	case kind != canon.Directory:
		return p.fieldError(fieldMode, "MODE %s is that of a %v: the root must be a directory", printable.Text(string(p.rec.field[fieldMode])), kind)
	case hardlink:
		return p.fieldError(fieldMode, "the root cannot be a hardlink")
	case p.root != nil:
		return p.errorAt(1, "a second line for the root directory")
	}
	root := &canon.Node{Kind: kind, Perm: perm}
	p.root, p.at = root, cursor{root: root}
	return p.fill(root)
}

// mode reads MODE. Bits beyond the 16 that an inode has are dropped.
func (p *parser) mode() (hardlink bool, kind canon.Kind, perm uint16, err error) {
	digits, hardlink := bytes.CutPrefix(p.rec.field[fieldMode], []byte{'@'})
	mode, ok := parseUint(digits, 8)
	if !ok {
		if !p.rec.has(fieldMode) {
			return false, 0, 0, p.fieldError(fieldMode, "the line ends before MODE")
		}
		return false, 0, 0, p.fieldError(fieldMode, "MODE %q is not an octal number", p.rec.field[fieldMode])
	}
	kind, ok = canon.KindOfMode(uint32(mode))
	if !ok {
		return false, 0, 0, p.fieldError(fieldMode,
			"MODE %q has no file type: write 100644 for a file, 40755 for a directory", p.rec.field[fieldMode])
	}
	return hardlink, kind, uint16(mode & 0o7777), nil
}

// place finds the directory and the name in it that PATH stands for, and leaves
// its components in p.canonical.
func (p *parser) place() (*canon.Node, string, error) {
	if p.root == nil {
		return nil, "", p.errorAt(1, "the first line must be that of the root directory /")
	}
	var slash bool
	p.canonical, slash = components(p.canonical, p.path)
	if slash {
		return nil, "", p.errorAt(1, "PATH ends in a slash")
	}
	if n := 1 + len(p.canonical); n > pathMax {
		return nil, "", p.errorAt(1, "PATH has %d bytes, the limit is %d", n, pathMax)
	}
	parent, last := splitPath(p.canonical)
	dir, end := p.at.seek(parent)
	switch {
	case dir == nil:
		return nil, "", p.errorAt(1, "there is no line for the directory %q before this one", "/"+string(parent[:end]))
	case dir.Kind == 0:
		return nil, "", p.errorAt(1, "%q is a hardlink, not a directory", "/"+string(parent[:end]))
	case dir.Kind != canon.Directory:
		return nil, "", p.errorAt(1, "%q is a %v, not a directory", "/"+string(parent[:end]), dir.Kind)
	}
	name := string(last)
	if err := canon.ValidName(name); err != nil {
		return nil, "", p.errorAt(1, "%v", err)
	}
	if dir.Child(name) != nil {
		return nil, "", p.errorAt(1, "a second line for this path")
	}
	return dir, name, nil
}

// fill sets all but Kind and Perm of a node.
func (p *parser) fill(n *canon.Node) error {
	size, err := p.number(fieldSize)
	if err != nil {
		return err
	}
	if err := p.stat(n); err != nil {
		return err
	}
	if err := p.mtime(n); err != nil {
		return err
	}
	if err := p.data(n, size); err != nil {
		return err
	}
	n.Xattrs, err = p.xattrs()
	return err
}

// stat reads NLINK to RDEV.
func (p *parser) stat(n *canon.Node) error {
	nlink, err := p.number(fieldNlink)
	if err != nil {
		return err
	}
	uid, err := p.number(fieldUID)
	if err != nil {
		return err
	}
	// mkcomposefs looks at UID to see whether GID and RDEV were numbers: if it is
	// not 0, those that were not count as 0.
	gid, err := p.number(fieldGID)
	if err != nil && uid == 0 {
		return err
	}
	rdev, err := p.number(fieldRdev)
	if err != nil && uid == 0 {
		return err
	}
	n.UID, n.GID = uint32(uid), uint32(gid)
	if n.Kind != canon.Directory {
		n.Nlink = uint32(nlink)
	}
	switch {
	case n.Kind.IsDevice():
		n.Rdev = uint32(rdev)
	case rdev != 0 && !p.lenient:
		return p.strictError(fieldRdev, "RDEV is %d, but a %v has no device number", rdev, n.Kind)
	}
	return nil
}

func (p *parser) mtime(n *canon.Node) error {
	s := p.rec.field[fieldMtime]
	if !p.rec.has(fieldMtime) {
		return p.fieldError(fieldMtime, "the line ends before MTIME")
	}
	left, right, _ := bytes.Cut(s, []byte{'.'})
	sec, ok := parseUint(left, 10)
	nsec, ok2 := parseUint(right, 10)
	if !ok || !ok2 {
		return p.fieldError(fieldMtime, "MTIME %q is not of the form SECONDS.NANOSECONDS", s)
	}
	n.Mtime = canon.Time{Sec: int64(sec), Nsec: uint32(nsec)}
	return nil
}
