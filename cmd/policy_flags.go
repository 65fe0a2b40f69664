package cmd

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cfsverify/canon/policy"
)

// policyFlags say what is done to trees.
type policyFlags struct {
	policy   *enum[string]
	root     *enum[policy.RootRule]
	dirMtime *enum[policy.DirMtimeRule]
	run      *enum[policy.RunRule]
	xattrs   *enum[policy.XattrRule]
	mtime    *enum[policy.MtimeRule]
	boot     *enum[policy.BootRule]
	links    *enum[string]
	flags    *pflag.FlagSet
}

func addPolicyFlags(c *cobra.Command) *policyFlags {
	f := &policyFlags{flags: c.Flags()}
	f.policy = enumFlag(c, "policy", "", policy.Names(),
		"what is done to the trees before they are compared (composefs-rs, or raw where all sources are dump files or composefs images)")
	f.root = enumFlag(c, "root", "", policy.RootRules(), "where the root directory's metadata comes from")
	f.dirMtime = enumFlag(c, "dir-mtime", "", policy.DirMtimeRules(), "what directory mtimes are")
	f.run = enumFlag(c, "run", "", policy.RunRules(), "what becomes of /run")
	f.xattrs = enumFlag(c, "xattrs", "", policy.XattrRules(), "which xattrs stay; allowlist is security.capability")
	f.mtime = enumFlag(c, "mtime", "", policy.MtimeRules(), "precision of mtimes")
	f.boot = enumFlag(c, "boot-mtime", policy.BootSeconds, policy.BootRules()[1:], "precision of the mtime that --bootable gives; composefs-rs has ns since its pull request 396")
	f.links = enumFlag(c, "hardlinks", "keep", []string{"keep", "break"}, "whether names of one inode stay that; mkcomposefs breaks them when it scans a directory")
	return f
}

// policyFor reads the flags; raw is the policy if there is no --policy.
func (f *policyFlags) policyFor(raw bool) (policy.Policy, error) {
	p := policy.ComposefsRS()
	switch {
	case f.flags.Changed("policy"):
		var err error
		if p, err = policy.Parse(f.policy.value); err != nil {
			return policy.Policy{}, err
		}
	case raw:
		p = policy.Raw()
	}
	override(&p.Root, f.root)
	override(&p.DirMtime, f.dirMtime)
	override(&p.Run, f.run)
	override(&p.Xattrs, f.xattrs)
	override(&p.Mtime, f.mtime)
	p.BreakHardlinks = f.links.value == "break"
	return p, nil
}

func override[T ~string](rule *T, flag *enum[T]) {
	if flag.value != "" {
		*rule = flag.value
	}
}
