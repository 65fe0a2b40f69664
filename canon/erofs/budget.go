package erofs

import (
	"fmt"
	"slices"

	"cfsverify/canon"
)

// setBudget is what the xattrs that mkcomposefs sets on an inode may take by
// its account (LCFS_INODE_EXTERNAL_XATTR_MAX).
const setBudget = 32767

// checkBudget refuses what mkcomposefs refuses: it does not count the tree's
// own xattrs, but takes one that it replaces off the account. Only marks can be
// in the tree already, for the others are in the name space that is escaped.
func (img *image) checkBudget(i int) error {
	marks := img.marks(i)
	if len(marks) == 0 || img.format.addsMarks {
		return nil
	}
	cost := func(x canon.Xattr) uint64 { return uint64(7 + len(x.Name) + len(x.Value)) }
	var spent uint64
	present := make(canon.Xattrs, 0, len(img.inodes[i].node.Xattrs))
	for _, x := range img.inodes[i].node.Xattrs {
		present = append(present, canon.Xattr{Name: escapeXattr(x.Name), Value: x.Value})
	}
	for _, x := range marks {
		if old, ok := present.Get(x.Name); ok {
			spent -= cost(canon.Xattr{Name: x.Name, Value: old})
			if len(present) == 1 {
				spent = 0
			}
			present = slices.DeleteFunc(present, func(p canon.Xattr) bool { return p.Name == x.Name })
		}
		price := cost(x)
		if len(present) == 0 {
			price += 12
		}
		if spent+price > setBudget {
			return fmt.Errorf("%q: its xattr %q is one that an image uses for whiteouts, and cannot be replaced: remove it", img.path(i), x.Name)
		}
		spent += price
		present.Set(x.Name, x.Value)
	}
	return nil
}
