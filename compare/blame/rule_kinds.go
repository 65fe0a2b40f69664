package blame

import (
	"cfsverify/canon"
	"cfsverify/compare"
)

// directed says that it is known which side was made of the other: the scanned one
// of the one with layers. Else a name that one side lacks may be lost there or new
// on the other.
func (s *scene) directed() bool { return s.layered && s.scanned }

// sockets: tar has no type for them.
func (s *scene) sockets() {
	for _, it := range s.items {
		if it.Status != compare.Changed && it.inode().Kind == canon.Socket {
			s.claimAll(Socket, it, s.sourceIfAny(it))
		}
	}
}

// devices finds device nodes that are missing, or replaced by something empty: making
// them needs privilege.
func (s *scene) devices() {
	for _, it := range s.items {
		switch {
		case isMissingDevice(it.out, it.in, s.holder(it.Path).in):
		case !s.directed() && isMissingDevice(it.in, it.out, s.holder(it.Path).out):
		default:
			continue
		}
		s.claimAll(DeviceMissing, it, s.sourceIfAny(it))
	}
}

// isMissingDevice compares a device with what a tree has in its place in dir. A device that
// is missing along with its directory was not left out for being a device.
func isMissingDevice(device, other, dir *canon.Dirent) bool {
	if device == nil || !device.Node.Kind.IsDevice() {
		return false
	}
	if other != nil {
		return other.Node.Kind == canon.Regular && other.Node.Size == 0
	}
	return dir != nil && dir.Node.Kind == canon.Directory
}

// forms finds differences that only dump files and images can have, and no files.
func (s *scene) forms() {
	for _, it := range s.items {
		if it.Status != compare.Changed {
			continue
		}
		switch {
		case isSameObject(it):
			s.claimFields(DumpForm, it, nil, compare.ContentDigest, compare.Storage, compare.Payload)
		case !compare.HasField(it.Changes, compare.ContentDigest):
			s.claimFields(InlineLimit, it, layerOrigin(it.out), compare.Storage)
			s.claimFields(DumpForm, it, nil, compare.Payload)
		}
		s.claimFields(DumpForm, it, nil, compare.Nlink)
		if it.has(compare.Links) {
			if lost, gained := s.linkChanges(it); !lost && !gained && len(it.linksIn) == len(it.linksOut) {
				s.claimFields(DumpForm, it, nil, compare.Links)
			}
		}
	}
}

// isSameObject says that both sides have the same object of a content store, but a
// dump file does not state its digest.
func isSameObject(it *item) bool {
	a, b := it.in.Node.Content, it.out.Node.Content
	if !isDigestUnknown(it) || a == nil || b == nil || it.has(compare.Size) || a.Inline != nil || b.Inline != nil {
		return false
	}
	return a.Payload() == b.Payload()
}

func isDigestUnknown(it *item) bool {
	for _, e := range []*canon.Dirent{it.in, it.out} {
		if c := e.Node.Content; c != nil && c.Inline == nil && c.Digest.IsZero() {
			return true
		}
	}
	return false
}
