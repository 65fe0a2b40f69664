package flags

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cfsverify/canon/policy"
	"cfsverify/canon/releases"
)

// Policy are the flags that say what is done to trees.
type Policy struct {
	Name     *Enum[string]
	root     *Enum[policy.RootRule]
	dirMtime *Enum[policy.DirMtimeRule]
	run      *Enum[policy.RunRule]
	xattrs   *Enum[policy.XattrRule]
	mtime    *Enum[policy.MtimeRule]
	Boot     *Enum[policy.BootRule]
	links    *Enum[policy.LinkRule]
	// Consumers are releases.Consumer by name.
	Consumers []string
	Flags     *pflag.FlagSet
}

// AddPolicy adds them.
func AddPolicy(c *cobra.Command) *Policy {
	f := &Policy{Flags: c.Flags()}
	f.Name = NewEnum(c, "policy", "", policy.Names(),
		"what is done to the trees before they are compared (composefs-rs, or raw where all sources are dump files or composefs images)")
	f.root = NewEnum(c, "root", "", policy.RootRules(), "where the root directory's metadata comes from")
	f.dirMtime = NewEnum(c, "dir-mtime", "", policy.DirMtimeRules(), "what directory mtimes are")
	f.run = NewEnum(c, "run", "", policy.RunRules(), "what becomes of /run")
	f.xattrs = NewEnum(c, "xattrs", "", policy.XattrRules(), "which xattrs stay; allowlist is security.capability")
	f.mtime = NewEnum(c, "mtime", "", policy.MtimeRules(), "precision of mtimes")
	f.Boot = NewEnum(c, "boot-mtime", policy.BootSeconds, policy.BootRules()[1:], "mtime of /boot and /sysroot that --bootable gives, as that of /usr: in seconds, in nanoseconds as composefs-rs since its pull request 396, or 0 as bootc 1.12")
	f.links = NewEnum(c, "hardlinks", policy.LinksKeep, policy.LinkRules(), "whether names of one inode stay that: mkcomposefs breaks them when it scans a directory; last-label keeps them whatever labels --bootable gives, as up to composefs-rs 0.6")
	c.Flags().StringSliceVar(&f.Consumers, "for", nil, "who checks the digest: `CONSUMER`, which is bootc for new installations by bootc, bootc-v2 for those made before bootc 1.16.4, or composefs-rs; with @RELEASE those of a release")
	c.MarkFlagsMutuallyExclusive("for", "policy")
	return f
}

// Consumer reads --for, of which there may be one; nil without it.
func (f *Policy) Consumer() (*releases.Consumer, error) {
	consumers, err := f.ParseConsumers()
	switch {
	case err != nil || consumers == nil:
		return nil, err
	case len(consumers) > 1:
		return nil, errors.New("--for names several consumers: only digest --karg takes more than one")
	}
	return &consumers[0], nil
}

// Audiences are all consumers of today, first the one of --for, by the words of the policy
// that the user chose.
func (f *Policy) Audiences() ([]releases.Consumer, error) {
	list := releases.Consumers()
	first, err := f.Consumer()
	if err != nil {
		return nil, err
	}
	if first != nil {
		list = slices.DeleteFunc(list, func(c releases.Consumer) bool { return c.Name == first.Name })
		list = append([]releases.Consumer{*first}, list...)
	}
	for i := range list {
		f.Override(&list[i].Layers.Policy)
		f.Override(&list[i].Directory.Policy)
	}
	return list, nil
}

// ParseConsumers reads --for.
func (f *Policy) ParseConsumers() (list []releases.Consumer, err error) {
	for _, name := range f.Consumers {
		c, err := releases.ParseConsumer(name)
		if err != nil {
			return nil, fmt.Errorf("--for: %w", err)
		}
		list = append(list, c)
	}
	return list, nil
}

// IsRaw says that the policy is raw, but for the words that the user chose; raw is what
// it is if there is no --policy.
func (f *Policy) IsRaw(raw bool) bool {
	return f.Name.Value == "raw" || raw && !f.Flags.Changed("policy")
}

// For reads the flags; raw is the policy if there is no --policy.
func (f *Policy) For(raw bool) (policy.Policy, error) {
	p := policy.ComposefsRS()
	switch {
	case f.IsRaw(raw):
		p = policy.Raw()
	case f.Flags.Changed("policy"):
		var err error
		if p, err = policy.Parse(f.Name.Value); err != nil {
			return policy.Policy{}, err
		}
	}
	f.Override(&p)
	return p, nil
}

// Override sets what the user chose.
func (f *Policy) Override(p *policy.Policy) {
	override(&p.Root, f.root)
	override(&p.DirMtime, f.dirMtime)
	override(&p.Run, f.run)
	override(&p.Xattrs, f.xattrs)
	override(&p.Mtime, f.mtime)
	if f.Flags.Changed("hardlinks") {
		p.Links = f.links.Value
	}
	if f.Flags.Changed("boot-mtime") && p.Boot.Prepares() {
		p.Boot = f.Boot.Value
	}
}

func override[T ~string](rule *T, flag *Enum[T]) {
	if flag.Value != "" {
		*rule = flag.Value
	}
}
