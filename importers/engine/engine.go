package engine

import (
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/importers/layer"
)

// Engine says how a container engine unpacks layers as root, as far as it shows
// in a scan of the result.
type Engine struct {
	Name string
	// Summary says which tools it is in.
	Summary string

	// LayerDirectories: every layer is unpacked into a directory of its own, and
	// overlayfs shows these as one. Else all go into one directory, one after the
	// other.
	LayerDirectories bool

	// RefuseDuplicates: a name that a layer has twice is an error.
	RefuseDuplicates bool

	// RootPerm is the mode of the root directory that the engine makes.
	RootPerm uint16
	// RootEpoch: that directory's mtime is 0. Else it is the time of unpacking.
	RootEpoch bool
	// SkipDot: an entry for the root is used only if it is written with a leading
	// slash.
	SkipDot bool

	// ResolveFirst: symlinks in the path of a parent directory are resolved once,
	// and if they lead nowhere, their targets are made. Else the kernel resolves
	// them at every step, and it is an error if they lead nowhere.
	ResolveFirst bool
	// SymlinksMax is how many symlinks a path may lead through.
	SymlinksMax int
	// ImplicitOwner: directories that have no entry are given to 0:0. Else their
	// group is that of a setgid directory that they are in.
	ImplicitOwner bool

	// HardlinkHeader: mode, owner, mtime and xattrs of a hardlink's header are
	// those of the inode from then on. Else only its name counts.
	HardlinkHeader bool

	// ClearXattrs: an entry's xattrs replace all that a directory had. Else they
	// are added.
	ClearXattrs bool
	// IgnoreXattrs are never set.
	IgnoreXattrs []string

	// DirectoryTimesLast: the mtimes of directories are set when the layer is
	// unpacked. Else at once, and that of a directory is kept when an entry changes
	// what is directly in it; but not when directories without entries are made
	// in it, or when a whiteout removes something deeper down.
	DirectoryTimesLast bool
	// EpochRange: mtimes before 1970 or after 2262-04-11, which 64 bits of
	// nanoseconds end with, become 0, those of symlinks excepted. Else they wrap.
	EpochRange bool
}

// Engines lists those that are known: containers-storage is podman's and
// buildah's overlay driver. Every field is measured, on the images of
// testdata/layers: with buildah 1.28.2 and umoci 0.4.7 on Linux 6.18 and ext4.
func Engines() []Engine {
	return []Engine{
		{
			Name:             "containers-storage",
			Summary:          "buildah and podman, as root, with the overlay driver",
			LayerDirectories: true, RefuseDuplicates: true,
			RootPerm: 0o555, SkipDot: true, SymlinksMax: 40, ImplicitOwner: true,
			HardlinkHeader: true, IgnoreXattrs: []string{linux.SecuritySELinux},
			DirectoryTimesLast: true, EpochRange: true,
		},
		{
			Name:     "umoci",
			Summary:  "umoci as root: one layer after the other into one directory",
			RootPerm: 0o755, RootEpoch: true,
			ResolveFirst: true, SymlinksMax: 255, ClearXattrs: true,
			IgnoreXattrs: []string{
				linux.SecuritySELinux, linux.NFS4ACL, linux.OverlayOpaque, linux.OverlayRedirect, linux.OverlayOrigin,
				linux.OverlayImpure, linux.OverlayNlink, linux.OverlayUpper, linux.OverlayMetacopy,
			},
		},
	}
}

// NameError says that no engine has a name.
type NameError struct {
	Name string
	// Known are the names that engines have.
	Known []string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("there is no engine %q, only %s", e.Name, strings.Join(e.Known, " and "))
}

// Choose gives the engines of these names, all without any. Errors are NameErrors.
func Choose(names []string) ([]Engine, error) {
	all := Engines()
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, e := range all {
		known = append(known, e.Name)
	}
	var chosen []Engine
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			return nil, &NameError{name, known}
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// Unpack gives the tree that a scan of the unpacked root would give. now stands
// for the time of unpacking, wherever that becomes an mtime. An image that the
// engine refuses, or that cannot be scanned once it is unpacked, is an
// *EntryError.
//
// The file system that is unpacked into is ext4, but for its limit of some kB of
// xattrs. Left out is what is not in the layer.Entries: umoci refuses global PAX
// headers.
func (e Engine) Unpack(layers []*layer.Entries, now canon.Time) (*canon.Tree, error) {
	u := unpacker{engine: e, now: now, root: e.newRoot(now), whiteouts: map[*canon.Node]canon.EntryError{}}
	var lower []*canon.Node
	for _, layer := range layers {
		if err := u.unpackLayer(layer); err != nil {
			return nil, err
		}
		if e.LayerDirectories {
			lower = append(lower, u.root)
			u.root = u.nextRoot()
		}
	}
	tree := &canon.Tree{Root: u.root}
	if e.LayerDirectories {
		var err error
		if tree.Root, err = u.mount(layers, lower); err != nil {
			return nil, err
		}
	}
	tree.CountLinks()
	return tree, nil
}

func (e Engine) newRoot(now canon.Time) *canon.Node {
	n := &canon.Node{Kind: canon.Directory, Perm: e.RootPerm, Mtime: now}
	if e.RootEpoch {
		n.Mtime = canon.Time{}
	}
	return n
}

// nextRoot makes the directory of the next layer, with the permissions of the
// last one's that the usual umask leaves.
func (u *unpacker) nextRoot() *canon.Node {
	return &canon.Node{Kind: canon.Directory, Perm: u.root.Perm & 0o755, Mtime: u.now}
}
