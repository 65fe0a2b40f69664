package policy

import (
	"sync"

	"cfsverify/canon"
	"cfsverify/canon/selinux"
)

// Many applies policies to copies of one tree, and does once what they have in common.
// Several goroutines may use it. Use NewMany to make one.
type Many struct {
	tree   *canon.Tree
	labels func() *selinux.Labels
}

// NewMany is for policies of a tree, which must not change while it is used.
func NewMany(t *canon.Tree) *Many {
	return &Many{t, sync.OnceValue(func() *selinux.Labels { return labelsForBoot(t) })}
}

// Apply gives a copy of the tree to which a policy was applied, but for the policy's rule
// for the root directory, whose metadata nobody needs. What the root is by each of some
// rules comes with it.
func (m *Many) Apply(p Policy, rules []RootRule) (*canon.Tree, []Root, error) {
	p.Root = RootKeep
	var labels *selinux.Labels
	if p.Boot.Prepares() {
		labels = m.labels()
	}
	t := m.tree.Clone()
	roots, err := p.apply(t, rules, labels)
	if err != nil {
		return nil, nil, err
	}
	return t, roots, nil
}

// labelsForBoot finds the labels of all names that a tree can have when policies label
// it: all but those in /boot and /sysroot. It is nil if they cannot be found: each policy
// then finds its own, or says why not.
func labelsForBoot(t *canon.Tree) *selinux.Labels {
	view := &canon.Tree{Root: &canon.Node{Kind: canon.Directory}}
	for _, e := range t.Root.Children() {
		if e.Node.Kind == canon.Directory && (e.Name == "boot" || e.Name == "sysroot") {
			e.Node = &canon.Node{Kind: canon.Directory}
		}
		view.Root.Put(e)
	}
	labels, err := findLabels(view)
	if err != nil {
		return nil
	}
	return labels
}
