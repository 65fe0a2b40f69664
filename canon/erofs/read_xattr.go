package erofs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// readPrefixes are the prefixes of all versions by their number.
var readPrefixes = [...]string{
	"", linux.UserPrefix, linux.AccessACL, linux.DefaultACL, linux.TrustedPrefix, linux.LustrePrefix, linux.SecurityPrefix,
}

// xattrsOf reads an inode's xattrs, its own before those that it shares, which
// is the order that composefs-info has.
func (r *reader) xattrsOf(in rawInode) ([]canon.Xattr, error) {
	body := r.data[in.xattrs:in.tail]
	if len(body) == 0 {
		return nil, nil
	}
	ids, rest := int(body[4]), body[xattrBodyHeader:]
	if 4*ids > len(rest) {
		return nil, fmt.Errorf("inode %d: %d shared xattrs have no room", in.nid, ids)
	}
	var shared []canon.Xattr
	for i := range ids {
		x, err := r.sharedXattr(le.Uint32(rest[4*i:]))
		if err != nil {
			return nil, fmt.Errorf("inode %d: %w", in.nid, err)
		}
		shared = append(shared, x)
	}
	var own []canon.Xattr
	for rest = rest[4*ids:]; len(rest) > 0; {
		x, size, err := parseXattr(rest)
		if err != nil {
			return nil, fmt.Errorf("inode %d: %w", in.nid, err)
		}
		own = append(own, x)
		rest = rest[size:]
	}
	own = append(own, shared...)
	for _, x := range own {
		if hides(le.Uint32(body), x.Name) {
			return nil, fmt.Errorf("inode %d: its filter says that it has no xattr %q", in.nid, x.Name)
		}
	}
	return own, r.charge(int64(len(own)) * xattrMemory)
}

// hides says that a filter of xattrs hides a name from kernels, which look up only those
// of the name spaces that mkcomposefs has numbers for.
func hides(filter uint32, name string) bool {
	p := mkcomposefsPrefixes()
	if index, _ := p.split(name); index == 0 {
		return false
	}
	return filter&^p.filter([]xattr{{name: name}}) != 0
}

func (r *reader) sharedXattr(id uint32) (canon.Xattr, error) {
	if x, ok := r.shared[id]; ok {
		return x, nil
	}
	start := r.xattrBase + 4*uint64(id)
	if start >= uint64(len(r.data)) {
		return canon.Xattr{}, fmt.Errorf("shared xattr %d lies outside the image", id)
	}
	x, size, err := parseXattr(r.data[start:])
	if err != nil {
		return canon.Xattr{}, fmt.Errorf("shared xattr %d: %w", id, err)
	}
	if _, err := r.bytes(start, uint64(size)); err != nil {
		return canon.Xattr{}, fmt.Errorf("shared xattr %d: %w", id, err)
	}
	r.shared[id] = x
	return x, nil
}

// parseXattr reads struct erofs_xattr_entry and returns its size, padding
// included.
func parseXattr(b []byte) (canon.Xattr, int, error) {
	if len(b) < xattrEntryHeader {
		return canon.Xattr{}, 0, errors.New("an xattr is truncated")
	}
	nameLen, index, valueLen := int(b[0]), int(b[1]), int(le.Uint16(b[2:]))
	size := int(roundUp(uint64(xattrEntryHeader+nameLen+valueLen), 4))
	if size > len(b) {
		return canon.Xattr{}, 0, errors.New("an xattr is truncated")
	}
	if index >= len(readPrefixes) {
		return canon.Xattr{}, 0, fmt.Errorf("an xattr's name has the unknown prefix %d", index)
	}
	name := b[xattrEntryHeader : xattrEntryHeader+nameLen]
	value := b[xattrEntryHeader+nameLen : xattrEntryHeader+nameLen+valueLen]
	return canon.Xattr{Name: readPrefixes[index] + string(name), Value: string(value)}, size, nil
}

// setXattrs gives a node the xattrs that the tree had: without those that make the image
// work, and with its own ones unescaped. Marks of whiteouts stay until the whole tree is
// read.
func (r *reader) setXattrs(n *canon.Node, found []canon.Xattr) {
	var own []canon.Xattr
	for _, x := range found {
		if name := unescapeXattr(x.Name); name != x.Name {
			x.Name = name
		} else if strings.HasPrefix(x.Name, linux.OverlayPrefix) {
			continue
		}
		own = append(own, x)
	}
	n.Xattrs = slices.Clone(own)
	slices.SortStableFunc(n.Xattrs, func(a, b canon.Xattr) int { return strings.Compare(a.Name, b.Name) })
	if !slices.Equal(n.Xattrs, own) {
		r.image.xattrs[n] = own
	}
}
