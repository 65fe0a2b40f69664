package cmd

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cfsverify/canon"
)

// policyFlags say what is done to trees.
type policyFlags struct {
	policy   *enum[string]
	root     *enum[canon.RootRule]
	dirMtime *enum[canon.DirMtimeRule]
	run      *enum[canon.RunRule]
	xattrs   *enum[canon.XattrRule]
	mtime    *enum[canon.MtimeRule]
	boot     *enum[canon.BootRule]
	links    *enum[string]
	flags    *pflag.FlagSet
}

func addPolicyFlags(c *cobra.Command) *policyFlags {
	f := &policyFlags{flags: c.Flags()}
	f.policy = enumFlag(c, "policy", "", canon.PolicyNames(),
		"what is done to the trees before they are compared (composefs-rs, or raw where all sources are dump files or composefs images)")
	f.root = enumFlag(c, "root", "", canon.RootRules(), "where the root directory's metadata comes from")
	f.dirMtime = enumFlag(c, "dir-mtime", "", canon.DirMtimeRules(), "what directory mtimes are")
	f.run = enumFlag(c, "run", "", canon.RunRules(), "what becomes of /run")
	f.xattrs = enumFlag(c, "xattrs", "", canon.XattrRules(), "which xattrs stay; allowlist is security.capability")
	f.mtime = enumFlag(c, "mtime", "", canon.MtimeRules(), "precision of mtimes")
	f.boot = enumFlag(c, "boot-mtime", canon.BootSeconds, canon.BootRules()[1:], "precision of the mtime that --bootable gives; composefs-rs has ns since its pull request 396")
	f.links = enumFlag(c, "hardlinks", "keep", []string{"keep", "break"}, "whether names of one inode stay that; mkcomposefs breaks them when it scans a directory")
	return f
}

// policyFor reads the flags; raw is the policy if there is no --policy.
func (f *policyFlags) policyFor(raw bool) (canon.Policy, error) {
	policy := canon.ComposefsRS()
	switch {
	case f.flags.Changed("policy"):
		var err error
		if policy, err = canon.ParsePolicy(f.policy.value); err != nil {
			return canon.Policy{}, err
		}
	case raw:
		policy = canon.Raw()
	}
	override(&policy.Root, f.root)
	override(&policy.DirMtime, f.dirMtime)
	override(&policy.Run, f.run)
	override(&policy.Xattrs, f.xattrs)
	override(&policy.Mtime, f.mtime)
	policy.BreakHardlinks = f.links.value == "break"
	return policy, nil
}

func override[T ~string](rule *T, flag *enum[T]) {
	if flag.value != "" {
		*rule = flag.value
	}
}
