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
	links    *enum[policy.LinkRule]
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
	f.boot = enumFlag(c, "boot-mtime", policy.BootSeconds, policy.BootRules()[1:], "mtime of /boot and /sysroot that --bootable gives, as that of /usr: in seconds, in nanoseconds as composefs-rs since its pull request 396, or 0 as bootc 1.12")
	f.links = enumFlag(c, "hardlinks", policy.LinksKeep, policy.LinkRules(), "whether names of one inode stay that: mkcomposefs breaks them when it scans a directory; last-label keeps them whatever labels --bootable gives, as up to composefs-rs 0.6")
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
	p.Links = f.links.value
	return p, nil
}

func override[T ~string](rule *T, flag *enum[T]) {
	if flag.value != "" {
		*rule = flag.value
	}
}
