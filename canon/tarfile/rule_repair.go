package tarfile

import "slices"

// Repairable says that a layer does not depart from the rule any more once it is
// repaired. What only the user can decide stays, and an image with entries that
// mean nothing cannot be repaired.
func (r Rule) Repairable() bool {
	return !slices.Contains([]Rule{
		RefusedEntry, HardlinkTargetOrder,
		SubsecondMtime, OwnerRange, WhiteoutDevice, XattrHost, XattrUnsettable, CapabilityVersion, XattrSize, ACL, NameEncoding, CanonicalMark,
	}, r)
}
