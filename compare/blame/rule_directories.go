package blame

import (
	"path"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/compare"
)

// derived finds what the policy copies from entries that differ themselves.
func (s *scene) derived() {
	usr := s.byPath["/usr"]
	fromUsr := func(c compare.Change) bool {
		return usr != nil && usr.Status == compare.Changed && containsChange(usr.Changes, c)
	}
	mtimeFromUsr := func(c compare.Change) bool {
		return isMtime(c) && fromUsr(c)
	}
	root := s.byPath["/"]
	if root != nil && s.policy.Root == policy.RootUsr {
		s.claim(Derived, root, nil, fromUsr)
	}
	if root != nil && s.rootIsComputed() && len(s.items) > 1 {
		s.claimFields(Derived, root, nil, compare.Mtime, compare.MtimeNsec)
	}
	if run := s.byPath["/run"]; run != nil && s.policy.Run == policy.RunEmpty {
		s.claim(Derived, run, nil, mtimeFromUsr)
	}
	if s.policy.Boot.Prepares() {
		for _, p := range []string{"/boot", "/sysroot"} {
			if it := s.byPath[p]; it != nil {
				s.claim(Derived, it, nil, mtimeFromUsr)
			}
		}
	}
	if s.policy.DirMtime == policy.DirMtimeNewestChild {
		s.derivedDirectories()
	}
}

func (s *scene) rootIsComputed() bool {
	switch s.policy.Root {
	case policy.RootNewest, policy.RootNewestInRoot, policy.RootOldestInRoot:
		return true
	case policy.RootTarOrNewest:
		return s.out.RootOrigin == nil
	}
	return s.policy.Root != policy.RootKeep && s.policy.DirMtime == policy.DirMtimeNewestChild && s.policy.Root != policy.RootEpoch
}

// derivedDirectories finds directories to which the policy gave the mtime of their
// newest child, which has another time on each side. An empty directory keeps its
// own.
func (s *scene) derivedDirectories() {
	changed := map[string]bool{}
	for i := len(s.items) - 1; i >= 0; i-- {
		it := s.items[i]
		dir := path.Dir(it.Path)
		if it.isDir() && changed[it.Path] {
			s.claimFields(Derived, it, nil, compare.Mtime, compare.MtimeNsec)
		}
		if it.Path != "/" && (it.Status != compare.Changed || compare.HasField(it.Changes, compare.Mtime) || compare.HasField(it.Changes, compare.MtimeNsec)) {
			changed[dir] = true
		}
	}
}

func containsChange(list []compare.Change, c compare.Change) bool {
	for _, x := range list {
		if x == c {
			return true
		}
	}
	return false
}

func (s *scene) rootMetadata() {
	it := s.byPath["/"]
	if it == nil || !s.claimAll(RootMetadata, it, s.out.RootOrigin) {
		return
	}
	switch {
	case !s.layered:
	case s.out.RootOrigin == nil:
		s.tell(RootMetadata, Evidence{Text: "no layer has an entry for the root, so every tool makes its own"})
	default:
		s.tell(RootMetadata, Evidence{Text: "a layer has an entry for the root, which engines ignore", Path: "/", Origin: s.out.RootOrigin})
	}
	mtime := it.in.Node.Mtime
	if !compare.HasField(it.Changes, compare.Mtime) || mtime == (canon.Time{}) {
		return
	}
	usr := s.in.Root.Child("usr")
	switch {
	case usr != nil && usr.Node.Mtime == mtime:
		s.tell(RootMetadata, Evidence{Text: "its mtime in " + s.inName + " is that of /usr"})
	case mtime == s.newest:
		s.tell(RootMetadata, Evidence{Text: "its mtime in " + s.inName + " is the newest of all entries"})
	case mtime == s.out.NewestEntry:
		s.tell(RootMetadata, Evidence{Text: "its mtime in " + s.inName + " is the newest of all tar entries, whiteouts and what they hide included: " +
			"the rule newest is for what is left"})
	}
}

// bootNanoseconds finds trees that different versions of composefs-rs prepared for
// booting.
func (s *scene) bootNanoseconds() {
	usr, usrOut := s.in.Root.Child("usr"), s.out.Root.Child("usr")
	if usr == nil || usrOut == nil || usr.Node.Mtime != usrOut.Node.Mtime || usr.Node.Mtime.Nsec == 0 {
		return
	}
	for _, p := range []string{"/boot", "/sysroot"} {
		it := s.byPath[p]
		if it == nil || !it.isDir() || it.has(compare.Mtime) {
			continue
		}
		if (it.in.Node.Mtime == usr.Node.Mtime) != (it.out.Node.Mtime == usr.Node.Mtime) {
			s.claimFields(BootNanoseconds, it, nil, compare.MtimeNsec)
		}
	}
}

// pathsThroughSymlinks finds entries of a layer below a path at which a lower layer
// has no directory but, say, a symlink. The scan still has the symlink there, and
// what the layer puts or hides below it is put or hidden where the symlink leads.
func (s *scene) pathsThroughSymlinks() {
	links := symlinks{s.in, map[string]string{}, map[string]symlinkEnd{}}
	hidden := map[*canon.Node]bool{}
	for _, it := range s.items {
		if it.in == nil || it.out == nil || !it.has(compare.Type) || it.out.Origin == nil || !it.out.Origin.Implicit {
			continue
		}
		if isImplied(it.out) {
			// There were only markers, which have nothing to hide here.
			s.claimAll(PathThroughSymlink, it, it.out.Origin)
			continue
		}
		if it.in.Node.Kind != canon.Symlink {
			continue
		}
		// What is followed has all that the layers have below the path.
		target := links.resolve(it.Path)
		if !has(s.in.Lookup(target), it.out.Node) {
			continue
		}
		source := it.out.Origin
		s.claimAll(PathThroughSymlink, it, source)
		sub := canon.Tree{Root: it.out.Node}
		for p, e := range sub.All() {
			if other := s.byPath[it.Path+p]; other != nil && other.onlyOut() {
				s.claimAll(PathThroughSymlink, other, layerOrigin(other.out))
			}
			if other := s.byPath[path.Join(target, p)]; other != nil && other.in != nil {
				made := e.Node
				s.claim(PathThroughSymlink, other, source, func(c compare.Change) bool {
					return other.onlyIn() || isMtime(c) && other.isDir() && s.stamped(other) || !c.Differs(other.in.Node, made)
				})
			}
		}
		s.hiddenThroughSymlink(it.Path, target, hidden)
		if dir := s.byPath[path.Dir(target)]; dir != nil && dir.isDir() && s.stamped(dir) {
			if made := s.byPath[target]; made != nil && made.onlyIn() {
				s.claimFields(PathThroughSymlink, dir, source, compare.Mtime, compare.MtimeNsec)
			}
		}
	}
}

// hiddenThroughSymlink finds names that markers below a symlink hid at the place
// where it leads.
func (s *scene) hiddenThroughSymlink(link, target string, done map[*canon.Node]bool) {
	for _, m := range s.hiding.from(link) {
		hidden := path.Join(target, strings.TrimPrefix(m.Path, link))
		e := s.out.Lookup(hidden)
		if e == nil {
			continue
		}
		if !m.Opaque {
			s.claimHidden(hidden, m)
		}
		s.claimBelow(strings.TrimSuffix(hidden, "/"), e.Node, m, done)
	}
}

func (s *scene) claimHidden(p string, m *canon.Marker) {
	if other := s.byPath[p]; other != nil && other.onlyOut() {
		s.claimAll(PathThroughSymlink, other, m.Origin)
	}
}

// claimBelow claims what is below a directory, but in directories where that is done.
func (s *scene) claimBelow(p string, dir *canon.Node, m *canon.Marker, done map[*canon.Node]bool) {
	if done[dir] {
		return
	}
	done[dir] = true
	for _, e := range dir.Children() {
		s.claimHidden(p+"/"+e.Name, m)
		if e.Node.Kind == canon.Directory {
			s.claimBelow(p+"/"+e.Name, e.Node, m, done)
		}
	}
}

// implicitParents finds directories that a layer needs and has no entry for:
// the engine makes them as 0755, owned by its root, without xattrs. Those that
// only a marker implies do not come into being everywhere.
func (s *scene) implicitParents() {
	if !s.scanned {
		return
	}
	for _, it := range s.items {
		if it.onlyOut() && isImplied(it.out) {
			s.claimAll(ImplicitParent, it, it.out.Origin)
		}
		if !it.isDir() || it.Path == "/" || it.out.Origin == nil {
			continue
		}
		source := it.out.Origin.ImpliedBy
		if source == nil && it.out.Origin.Implicit {
			source = it.out.Origin
		}
		if source == nil {
			continue
		}
		in := it.in.Node
		made, gid := in.Perm&^0o755 == 0, uint32(0)
		// In a setgid directory a new one gets the group that it has then, and is
		// setgid as well.
		if in.Perm&0o2000 != 0 && s.holder(it.Path).setgid {
			made, gid = in.Perm&^0o2755 == 0, in.GID
		}
		s.claim(ImplicitParent, it, source, func(c compare.Change) bool {
			switch c.Field {
			case compare.Mtime, compare.MtimeNsec:
				return true
			case compare.Mode:
				return made
			case compare.UID:
				return in.UID == 0
			case compare.GID:
				return in.GID == gid
			case compare.Xattr:
				_, has := in.Xattrs.Get(c.Xattr)
				return !has
			}
			return false
		})
	}
}

// isImplied says that a directory has no entry, and holds only such directories.
func isImplied(e *canon.Dirent) bool {
	if e.Origin == nil || !e.Origin.Implicit {
		return false
	}
	for _, child := range e.Node.Children() {
		if !isImplied(&child) {
			return false
		}
	}
	return true
}

// followers finds differences that other findings entail: entries below one that is no
// directory on the other side, and hardlinks to names that only one side has.
func (s *scene) followers() {
	above := map[*item]Cause{}
	for _, it := range s.items {
		if it.Status == compare.Changed || len(it.open) == 0 {
			continue
		}
		if cause := s.causeAbove(it, above); cause != "" {
			s.claimAll(cause, it, s.source(it))
		}
	}
	lonely := map[*canon.Node]*item{}
	for _, it := range s.items {
		if it.Status != compare.Changed || !it.has(compare.Links) {
			continue
		}
		other := s.lonelyName(lonely, it.in.Node, it.linksIn)
		if other == nil {
			other = s.lonelyName(lonely, it.out.Node, it.linksOut)
		}
		if other != nil {
			s.claimFields(s.causes[other], it, s.source(other), compare.Links)
		}
	}
	s.directoriesOfChanges()
}

// causeAbove is the cause of the nearest directory above an item that has one. known has
// those of directories, whose own causes do not change any more: they come first.
func (s *scene) causeAbove(it *item, known map[*item]Cause) Cause {
	dir := s.parentOf(it)
	if dir == nil || it.Path == "/" {
		return ""
	}
	cause, found := s.causes[dir]
	if found {
		return cause
	}
	if cause, found = known[dir]; !found {
		cause = s.causeAbove(dir, known)
		known[dir] = cause
	}
	return cause
}

// lonelyName is the first name of an inode that only one side has, and that has a cause.
// known has those of the inodes that were asked for before.
func (s *scene) lonelyName(known map[*canon.Node]*item, n *canon.Node, names []string) *item {
	found, asked := known[n]
	if !asked {
		for _, p := range names {
			if it := s.byPath[p]; it != nil && it.Status != compare.Changed && s.causes[it] != "" {
				found = it
				break
			}
		}
		known[n] = found
	}
	return found
}

// directoriesOfChanges finds directories whose mtime is that of adding a name to
// them or removing one.
func (s *scene) directoriesOfChanges() {
	changed := s.directoriesWithChanges()
	for _, it := range s.items {
		if it.isDir() && it.onlyMtime() && changed[it.Path] {
			s.claimAll(DirectoryChanged, it, nil)
		}
	}
}

func (s *scene) directoriesWithChanges() map[string]bool {
	changed := map[string]bool{}
	for _, it := range s.items {
		if it.Status != compare.Changed || compare.HasField(it.Changes, compare.Type) {
			changed[path.Dir(it.Path)] = true
		}
	}
	return changed
}

func (s *scene) unexplained() {
	for _, it := range s.items {
		s.claimAll(Unexplained, it, s.sourceIfAny(it))
	}
}

func (s *scene) sourceIfAny(it *item) *canon.Origin {
	if it.out != nil {
		return layerOrigin(it.out)
	}
	return nil
}
