package reports

import (
	"fmt"
	"strings"
	"time"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/compare"
)

func changeName(c compare.Change) string {
	if c.Field == compare.Xattr {
		return "xattr " + printable.Text(c.Xattr)
	}
	return string(c.Field)
}

func modeText(n *canon.Node) string { return fmt.Sprintf("%04o", n.Perm) }

// timeText writes a time in UTC, or as seconds where a year has no four digits.
func timeText(t canon.Time) string {
	if t.Sec < -62135596800 || t.Sec > 253402300799 || t.Nsec > 999999999 {
		return fmt.Sprintf("@%d.%09d", t.Sec, t.Nsec)
	}
	return time.Unix(t.Sec, int64(t.Nsec)).UTC().Format("2006-01-02T15:04:05.000000000Z")
}

func contentText(n *canon.Node) string {
	switch {
	case n.Content == nil:
		return "empty"
	case n.Content.Inline != nil:
		return fmt.Sprintf("%q", n.Content.Inline)
	case n.Content.Digest.IsZero():
		return "no digest"
	}
	return n.Content.Digest.Algorithm().String() + ":" + n.Content.Digest.String()
}

func rdevText(n *canon.Node) string {
	major, minor := n.Device()
	return fmt.Sprintf("%d:%d", major, minor)
}

func xattrText(n *canon.Node, name string) string {
	value, ok := n.Xattrs.Get(name)
	if !ok {
		return "none"
	}
	return fmt.Sprintf("%q", value)
}

func linksText(s side) string {
	const shown = 3
	others, more := otherLinks(s, shown)
	if len(others) == 0 {
		return "no other name"
	}
	text := "one inode with " + strings.Join(others, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// jsonLinks is how many other paths of an inode a change has in JSON: an inode of many
// names has as many changes.
const jsonLinks = 50

// otherLinks are the first of the other paths of an inode, and how many more there are.
func otherLinks(s side, most int) (others []string, more int) {
	for _, path := range s.links[:min(most+1, len(s.links))] {
		if path != s.path && len(others) < most {
			others = append(others, printable.Text(path))
		}
	}
	return others, max(len(s.links)-1-len(others), 0)
}

// originText says which tar entry a name comes from, empty if from none.
func originText(o *canon.Origin) string {
	switch {
	case o == nil || o.Layer == nil:
		return ""
	case o.Implicit:
		return fmt.Sprintf("no layer has an entry for it; layer %d needs it for entry %d", o.Layer.Index, o.Entry)
	}
	return fmt.Sprintf("layer %d, entry %d", o.Layer.Index, o.Entry)
}

func layerText(l *canon.Layer) string { return l.String() }

// nodeText describes an inode in a few words.
func nodeText(n *canon.Node) string {
	text := n.Kind.String()
	switch n.Kind {
	case canon.Regular:
		text += fmt.Sprintf(" of %d bytes", n.Size)
	case canon.Symlink:
		text += " to " + printable.Text(n.Target)
	case canon.CharDevice, canon.BlockDevice:
		text += " " + rdevText(n)
	}
	return fmt.Sprintf("%s, mode %s, owner %d:%d", text, modeText(n), n.UID, n.GID)
}
