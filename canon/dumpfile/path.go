package dumpfile

import (
	"bytes"

	"cfsverify/canon"
)

// components appends path to dst without leading, trailing and repeated
// slashes. It reports whether there was a trailing one.
func components(dst, path []byte) ([]byte, bool) {
	start := len(dst)
	for len(path) > 0 {
		i := bytes.IndexByte(path, '/')
		if i < 0 {
			i = len(path)
		}
		if i > 0 {
			if len(dst) > start {
				dst = append(dst, '/')
			}
			dst = append(dst, path[:i]...)
		}
		if i == len(path) {
			return dst, false
		}
		path = path[i+1:]
	}
	return dst, true
}

// splitPath separates the last component of a path without a leading slash.
func splitPath(path []byte) (dir, name []byte) {
	if i := bytes.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return nil, path
}

// cursor finds directories by path, starting from the one that was found last:
// in a dump file the next one is rarely far.
type cursor struct {
	root *canon.Node
	path []byte
	// dirs are the directories on the way to path, without the root.
	dirs []cursorDir
}

// cursorDir is the directory at path[:end] of its cursor.
type cursorDir struct {
	end  int
	node *canon.Node
}

// seek returns the node at path, which has no leading slash, if that is a
// directory. Else it returns what is at path[:end], the first that is not a
// directory: nil if there is nothing.
func (c *cursor) seek(path []byte) (node *canon.Node, end int) {
	common := 0
	for common < len(path) && common < len(c.path) && path[common] == c.path[common] {
		common++
	}
	keep := len(c.dirs)
	for ; keep > 0; keep-- {
		end = c.dirs[keep-1].end
		if end <= common && (end == len(path) || path[end] == '/') {
			break
		}
	}
	c.dirs = c.dirs[:keep]
	node, end = c.root, 0
	if keep > 0 {
		node, end = c.dirs[keep-1].node, c.dirs[keep-1].end
	}
	c.path = append(c.path[:end], path[end:]...)
	for end < len(path) {
		start := end
		if start > 0 {
			start++
		}
		end = len(path)
		if i := bytes.IndexByte(path[start:], '/'); i >= 0 {
			end = start + i
		}
		e := node.Child(string(path[start:end]))
		if e == nil {
			return nil, end
		}
		if node = e.Node; node.Kind != canon.Directory {
			return node, end
		}
		c.dirs = append(c.dirs, cursorDir{end, node})
	}
	return node, end
}

// enter moves on to a directory below the one that seek found.
func (c *cursor) enter(path []byte, node *canon.Node) {
	c.path = append(c.path[:0], path...)
	c.dirs = append(c.dirs, cursorDir{len(path), node})
}
