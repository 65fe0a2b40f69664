package policy

import (
	"fmt"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// setRoot applies the policy's root rule.
func (p Policy) setRoot(t *canon.Tree) error {
	switch p.Root {
	case RootKeep:
		return nil
	case RootUsr:
		return setRootFromUsr(t)
	case RootTarOrNewest:
		if t.RootOrigin != nil {
			return nil
		}
		setRootStat(t, newest(t))
	case RootNewest:
		setRootStat(t, newest(t))
	case RootNewestInRoot:
		setRootStat(t, newestOf(t.Root.Children()))
	case RootOldestInRoot:
		setRootStat(t, oldest(t.Root.Children()))
	case RootEpoch:
		setRootStat(t, canon.Time{})
	case RootCreated:
		if p.Created == nil {
			return &RootError{Rule: RootCreated}
		}
		setRootStat(t, *p.Created)
	default:
		return fmt.Errorf("unknown rule %q for the root directory", p.Root)
	}
	return nil
}

// Root is what a rule makes of the root directory.
type Root struct {
	// Dir has the directory's metadata.
	Dir *canon.Node
	// Err says why the rule does not fit the tree.
	Err error
}

// rootBy gives what another rule makes of the root directory of a tree.
func (p Policy) rootBy(rule RootRule, t *canon.Tree) Root {
	p.Root = rule
	view, dir := *t, *t.Root
	view.Root = &dir
	err := p.setRoot(&view)
	dir.Xattrs = dir.Xattrs.Clone()
	return Root{&dir, err}
}

// finishRoot does to a root what was done to the tree's own after its rule.
func (p Policy) finishRoot(r *Root, t *canon.Tree) {
	r.Dir.Xattrs = r.Dir.Xattrs.Without(func(x canon.Xattr) bool { return !p.Xattrs.Keeps(x.Name) })
	if p.Boot.Prepares() {
		r.Dir.Xattrs.Remove(linux.SecuritySELinux)
		if label, has := t.Root.Xattrs.Get(linux.SecuritySELinux); has {
			r.Dir.Xattrs.Set(linux.SecuritySELinux, label)
		}
	}
	if p.Mtime == MtimeSeconds {
		r.Dir.Mtime.Nsec = 0
	}
}

func setRootFromUsr(t *canon.Tree) error {
	usr := t.Root.Child("usr")
	if usr == nil {
		return &RootError{Rule: RootUsr}
	}
	if usr.Node.Kind != canon.Directory {
		return &RootError{Rule: RootUsr, Usr: usr.Node.Kind}
	}
	from := usr.Node
	t.Root.Perm, t.Root.UID, t.Root.GID, t.Root.Mtime = from.Perm, from.UID, from.GID, from.Mtime
	t.Root.Xattrs = from.Xattrs.Clone()
	return nil
}

func setRootStat(t *canon.Tree, mtime canon.Time) {
	t.Root.Perm, t.Root.UID, t.Root.GID, t.Root.Mtime, t.Root.Xattrs = 0o555, 0, 0, mtime, nil
}

// newest is the newest mtime below the root, and never before 1970.
func newest(t *canon.Tree) canon.Time {
	newest := canon.Time{}
	for path, e := range t.All() {
		if path != "/" {
			newest = later(newest, e.Node.Mtime)
		}
	}
	return newest
}

func newestOf(entries []canon.Dirent) canon.Time {
	t := canon.Time{}
	for _, e := range entries {
		t = later(t, e.Node.Mtime)
	}
	return t
}

func oldest(entries []canon.Dirent) canon.Time {
	if len(entries) == 0 {
		return canon.Time{}
	}
	t := entries[0].Node.Mtime
	for _, e := range entries[1:] {
		if e.Node.Mtime.Compare(t) < 0 {
			t = e.Node.Mtime
		}
	}
	return t
}

func later(a, b canon.Time) canon.Time {
	if b.Compare(a) > 0 {
		return b
	}
	return a
}
