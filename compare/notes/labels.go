package notes

import (
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/canon/selinux"
)

const configPath = "/etc/selinux/config"

func selinuxTypes(raw *canon.Tree) []Item {
	names, known := selinux.NamesOf(raw)
	switch {
	case !known:
		return nil
	case !names.Labels && raw.Lookup("/etc/selinux/"+names.Libselinux+"/contexts/files") == nil:
		return nil
	case !names.Labels:
		return []Item{{configPath, fmt.Sprintf("composefs-rs finds no SELINUXTYPE and gives no labels; libselinux takes the policy %q, which is there", names.Libselinux)}}
	case names.ComposefsRS != names.Libselinux:
		return []Item{{configPath, fmt.Sprintf("composefs-rs labels by the policy %q, and libselinux by %q", names.ComposefsRS, names.Libselinux)}}
	case names.Lines > 1:
		return []Item{{configPath, fmt.Sprintf("it sets SELINUXTYPE %d times: the first counts for composefs-rs, the last for libselinux; both name %q", names.Lines, names.Libselinux)}}
	case strings.ContainsAny(names.ComposefsRS, "\"' #"):
		return []Item{{configPath, fmt.Sprintf("quotes and comments are part of the policy's name: %q", names.ComposefsRS)}}
	}
	return nil
}

func compiledPolicies(raw *canon.Tree) []Item {
	var items []Item
	for _, path := range selinux.OnlyCompiled(raw) {
		items = append(items, Item{path, "libselinux reads this file; composefs-rs reads its text only, which is missing"})
	}
	return items
}

// libselinux gives the tree's policy as all releases of libselinux apply it, nil if
// there is none, or if libselinux takes another one.
func libselinux(raw *canon.Tree) (map[selinux.Release]*selinux.Libselinux, error) {
	names, known := selinux.NamesOf(raw)
	if !known || !names.Labels || names.ComposefsRS != names.Libselinux || len(selinux.OnlyCompiled(raw)) > 0 {
		return nil, nil
	}
	p, err := selinux.Load(raw)
	if p == nil || err != nil {
		return nil, nil
	}
	all := map[selinux.Release]*selinux.Libselinux{}
	for _, release := range selinux.Releases() {
		if all[release], err = p.Libselinux(release); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// restoreconLabels compares the labels of composefs-rs with those of libselinux. Where
// that has none, it leaves files as they are. An error says why its labels are not known.
func restoreconLabels(raw, bootable *canon.Tree) (items []Item, err error) {
	all, err := libselinux(raw)
	if all == nil || err != nil {
		return nil, err
	}
	for path, e := range bootable.All() {
		label, _ := e.Node.Xattrs.Get(linux.SecuritySELinux)
		releases := map[string][]string{}
		var others []string
		for _, release := range selinux.Releases() {
			other, err := all[release].Label(path, e.Node.Kind)
			if err != nil {
				return nil, err
			}
			if other == "" || other == label {
				continue
			}
			if releases[other] == nil {
				others = append(others, other)
			}
			releases[other] = append(releases[other], string(release))
		}
		if others != nil {
			items = append(items, Item{path, otherLabels(label, others, releases)})
		}
	}
	return items, nil
}

func otherLabels(label string, others []string, releases map[string][]string) string {
	if label == "" {
		label = "no label"
	}
	texts := make([]string, len(others))
	for i, other := range others {
		texts[i] = other
		if len(releases[other]) < len(selinux.Releases()) {
			texts[i] += " (libselinux " + strings.Join(releases[other], ", ") + ")"
		}
	}
	return label + ", restorecon: " + strings.Join(texts, "; ")
}

// splitHardlinks lists the inodes of the tree as it was read that are several in the
// bootable one.
func splitHardlinks(raw, bootable *canon.Tree) []Item {
	links := raw.Hardlinks()
	if links.Len() == 0 {
		return nil
	}
	type inode struct {
		path  string
		names int
		nodes map[*canon.Node]bool
	}
	var list []*inode
	byNode := map[*canon.Node]*inode{}
	for path, e := range raw.All() {
		if links.Of(e.Node) == nil {
			continue
		}
		now := bootable.Lookup(path)
		if now == nil {
			continue
		}
		n := byNode[e.Node]
		if n == nil {
			n = &inode{path: path, nodes: map[*canon.Node]bool{}}
			byNode[e.Node] = n
			list = append(list, n)
		}
		n.names++
		n.nodes[now.Node] = true
	}
	var items []Item
	for _, n := range list {
		if len(n.nodes) > 1 {
			items = append(items, Item{n.path, fmt.Sprintf("its %d names have different labels, so that they are %d inodes", n.names, len(n.nodes))})
		}
	}
	return items
}
