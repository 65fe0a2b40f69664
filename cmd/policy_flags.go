package cmd

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cfsverify/canon/policy"
	"cfsverify/canon/releases"
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
	// consumers are releases.Consumer by name.
	consumers []string
	flags     *pflag.FlagSet
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
	c.Flags().StringSliceVar(&f.consumers, "for", nil, "who checks the digest: `CONSUMER`, which is bootc for new installations by bootc, bootc-v2 for those made before bootc 1.16.4, or composefs-rs; with @RELEASE those of a release")
	c.MarkFlagsMutuallyExclusive("for", "policy")
	return f
}

// consumer reads --for, of which there may be one; nil without it.
func (f *policyFlags) consumer() (*releases.Consumer, error) {
	consumers, err := f.parseConsumers()
	switch {
	case err != nil || consumers == nil:
		return nil, err
	case len(consumers) > 1:
		return nil, errors.New("--for names several consumers: only digest --karg takes more than one")
	}
	return &consumers[0], nil
}

// audiences are all consumers of today, first the one of --for, by the words of the policy
// that the user chose.
func (f *policyFlags) audiences() ([]releases.Consumer, error) {
	list := releases.Consumers()
	first, err := f.consumer()
	if err != nil {
		return nil, err
	}
	if first != nil {
		list = slices.DeleteFunc(list, func(c releases.Consumer) bool { return c.Name == first.Name })
		list = append([]releases.Consumer{*first}, list...)
	}
	for i := range list {
		f.override(&list[i].Layers.Policy)
		f.override(&list[i].Directory.Policy)
	}
	return list, nil
}

func (f *policyFlags) parseConsumers() (list []releases.Consumer, err error) {
	for _, name := range f.consumers {
		c, err := releases.ParseConsumer(name)
		if err != nil {
			return nil, fmt.Errorf("--for: %w", err)
		}
		list = append(list, c)
	}
	return list, nil
}

// isRaw says that the policy is raw, but for the words that the user chose; raw is what
// it is if there is no --policy.
func (f *policyFlags) isRaw(raw bool) bool {
	return f.policy.value == "raw" || raw && !f.flags.Changed("policy")
}

// policyFor reads the flags; raw is the policy if there is no --policy.
func (f *policyFlags) policyFor(raw bool) (policy.Policy, error) {
	p := policy.ComposefsRS()
	switch {
	case f.isRaw(raw):
		p = policy.Raw()
	case f.flags.Changed("policy"):
		var err error
		if p, err = policy.Parse(f.policy.value); err != nil {
			return policy.Policy{}, err
		}
	}
	f.override(&p)
	return p, nil
}

// override sets what the user chose.
func (f *policyFlags) override(p *policy.Policy) {
	override(&p.Root, f.root)
	override(&p.DirMtime, f.dirMtime)
	override(&p.Run, f.run)
	override(&p.Xattrs, f.xattrs)
	override(&p.Mtime, f.mtime)
	if f.flags.Changed("hardlinks") {
		p.Links = f.links.value
	}
	if f.flags.Changed("boot-mtime") && p.Boot.Prepares() {
		p.Boot = f.boot.value
	}
}

func override[T ~string](rule *T, flag *enum[T]) {
	if flag.value != "" {
		*rule = flag.value
	}
}
