package selinux

import (
	"fmt"
	"strings"
)

// Error says why a tree cannot be labelled.
type Error struct {
	// Path is the file or directory of the tree that is at fault, empty if none is.
	Path string
	// Line counts the lines of Path from 1, 0 if no line is at fault.
	Line int
	// Rule is the pattern of the rule at fault, empty if none is.
	Rule   string
	Reason string
	// FollowedByScan: Path is a symlink, which cfsctl follows when it reads the policy of
	// a directory through the file system (cfsctl compute-id --bootable DIR), also to
	// files outside of the directory. In an image it refuses the symlink.
	FollowedByScan bool
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("SELinux policy: ")
	if e.Path != "" {
		fmt.Fprintf(&b, "%q: ", e.Path)
	}
	if e.Line != 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Rule != "" {
		fmt.Fprintf(&b, "rule %q: ", e.Rule)
	}
	b.WriteString(e.Reason)
	return b.String()
}
