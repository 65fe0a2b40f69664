package reports

import (
	"fmt"
	"strings"

	"cfsverify/canon/erofs"
	"cfsverify/canon/printable"
)

// CornersText says that programs write other images of a source, over what they
// differ, and whose digest is told.
func CornersText(source string, corners []erofs.Corner, writer erofs.Writer) string {
	var reasons []string
	for _, c := range corners {
		more := ""
		if c.Count > 1 {
			more = fmt.Sprintf(" and %d more", c.Count-1)
		}
		reasons = append(reasons, fmt.Sprintf("%s (%s%s)", cornerTitles[c.Kind], printable.Text(c.Path), more))
	}
	return fmt.Sprintf("composefs-rs and mkcomposefs write different images of %s, and the digest is that of %v; they differ over %s",
		source, writer, strings.Join(reasons, ", "))
}

// cornerTitles say what makes the images differ.
var cornerTitles = map[erofs.CornerKind]string{
	erofs.TimeBefore1970:   "mtimes before 1970 beside later ones",
	erofs.SharedXattrs:     "more than 128 xattrs of one inode that others have too",
	erofs.StubLikeWhiteout: "a whiteout device in the root that looks like those of composefs images",
	erofs.WhiteoutXattrs:   "overlayfs's xattrs on whiteout devices or their directories",
	erofs.LinkedWhiteout:   "whiteout devices with several names",
	erofs.ACLLikeXattr:     "xattrs whose names only begin like an ACL's",
	erofs.LinkCount:        "link counts that are not true",
	erofs.LinkPlace:        "inodes that are not at the first of their names",
	erofs.ObjectPath:       "content that is not where its digest says",
	erofs.ClaimedSize:      "sizes of devices, FIFOs or sockets",
	erofs.HugeFile:         "files of more than 2^53 bytes",
}

type jsonCorner struct {
	Kind  erofs.CornerKind `json:"kind"`
	Path  string           `json:"path"`
	Count int              `json:"count"`
}

func cornersJSON(corners []erofs.Corner) []jsonCorner {
	var list []jsonCorner
	for _, c := range corners {
		list = append(list, jsonCorner{c.Kind, printable.Text(c.Path), c.Count})
	}
	return list
}
