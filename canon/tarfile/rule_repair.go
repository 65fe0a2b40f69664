package tarfile

import "slices"

// Repairable says that repair removes departures from the rule. It leaves those that
// only the user can decide about, and refuses images that have RefusedEntry.
func (r Rule) Repairable() bool {
	return !slices.Contains([]Rule{
		RefusedEntry, HardlinkTargetOrder,
		SubsecondMtime, OwnerRange, WhiteoutDevice, XattrHost, XattrUnsettable, CapabilityVersion, XattrSize, ACL, NameEncoding, CanonicalMark,
	}, r)
}
