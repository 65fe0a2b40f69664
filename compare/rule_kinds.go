package compare

import "cfsverify/canon"

// sockets: tar has no type for them.
func (s *scene) sockets() {
	for _, it := range s.items {
		if it.Status != Changed && it.inode().Kind == canon.Socket {
			s.claimAll(Socket, it, s.sourceIfAny(it))
		}
	}
}

// devices finds device nodes that are not there, or that something empty stands
// for: making them needs privilege.
func (s *scene) devices() {
	for _, it := range s.items {
		if it.out == nil || !it.out.Node.Kind.IsDevice() {
			continue
		}
		if it.onlyOut() || it.has(Type) && it.in.Node.Kind == canon.Regular && it.in.Node.Size == 0 {
			s.claimAll(DeviceMissing, it, layerOrigin(it.out))
		}
	}
}

// forms finds what trees of files cannot differ in, but images and dump files
// can.
func (s *scene) forms() {
	for _, it := range s.items {
		if it.Status != Changed {
			continue
		}
		if !containsField(it.Changes, ContentDigest) {
			s.claimFields(InlineLimit, it, layerOrigin(it.out), Storage)
		}
		s.claimFields(DumpForm, it, nil, Payload, Nlink)
		if it.has(Links) {
			if lost, gained := s.linkChanges(it); lost == 0 && gained == 0 && len(it.linksIn) == len(it.linksOut) {
				s.claimFields(DumpForm, it, nil, Links)
			}
		}
	}
}
