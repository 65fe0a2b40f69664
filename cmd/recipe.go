package cmd

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/importers"
)

// recipeFlags say how sources are read and digests computed; every command has
// them.
type recipeFlags struct {
	policy   *enum[string]
	root     *enum[canon.RootRule]
	dirMtime *enum[canon.DirMtimeRule]
	run      *enum[canon.RunRule]
	xattrs   *enum[canon.XattrRule]
	mtime    *enum[canon.MtimeRule]
	bootable bool
	boot     *enum[canon.BootRule]
	links    *enum[string]
	hash     *enum[string]
	version  *enum[string]
	imports  *importFlags
	flags    *pflag.FlagSet
	// raw is the policy of a command that has no other unless the user says so.
	raw bool
	// layer is importers.Options.Layer.
	layer int
}

func addRecipeFlags(c *cobra.Command) *recipeFlags {
	f := &recipeFlags{flags: c.Flags()}
	f.policy = enumFlag(c, "policy", "", canon.PolicyNames(),
		"what is done to the trees before they are compared (composefs-rs, or raw where all sources are dump files or composefs images)")
	f.root = enumFlag(c, "root", "", canon.RootRules(), "where the root directory's metadata comes from")
	f.dirMtime = enumFlag(c, "dir-mtime", "", canon.DirMtimeRules(), "what directory mtimes are")
	f.run = enumFlag(c, "run", "", canon.RunRules(), "what becomes of /run")
	f.xattrs = enumFlag(c, "xattrs", "", canon.XattrRules(), "which xattrs stay; allowlist is security.capability")
	f.mtime = enumFlag(c, "mtime", "", canon.MtimeRules(), "precision of mtimes")
	c.Flags().BoolVar(&f.bootable, "bootable", false, "make the trees ready for booting, as composefs-rs does for a kernel command line: /boot and /sysroot emptied, no SELinux labels")
	f.boot = enumFlag(c, "boot-mtime", canon.BootSeconds, canon.BootRules()[1:], "precision of the mtime that --bootable gives; composefs-rs has ns since its pull request 396")
	f.links = enumFlag(c, "hardlinks", "keep", []string{"keep", "break"}, "whether names of one inode stay that; mkcomposefs breaks them when it scans a directory")
	f.imports = addImportFlags(c)
	f.hash = enumFlag(c, "hash", "sha512", []string{"sha256", "sha512"}, "fs-verity hash")
	f.version = enumFlag(c, "erofs-version", "1", []string{"0", "1", "2"}, "version of the composefs image format; that of a composefs image if one is a source")
	return f
}

// recipe is what the flags come to for given sources.
type recipe struct {
	policy  canon.Policy
	version erofs.Version
	// versionGiven says that the user chose the version.
	versionGiven bool
	// rootGiven says that the user chose what the root directory is.
	rootGiven bool
	imports   importers.Options
}

// recipe reads the flags. final says that all sources are trees to which a
// policy was applied before.
func (f *recipeFlags) recipe(final bool) (recipe, error) {
	r := recipe{policy: canon.ComposefsRS()}
	switch {
	case f.flags.Changed("policy"):
		policy, err := canon.ParsePolicy(f.policy.value)
		if err != nil {
			return recipe{}, err
		}
		r.policy = policy
	case final || f.raw:
		r.policy = canon.Raw()
	}
	override(&r.policy.Root, f.root)
	override(&r.policy.DirMtime, f.dirMtime)
	override(&r.policy.Run, f.run)
	override(&r.policy.Xattrs, f.xattrs)
	override(&r.policy.Mtime, f.mtime)
	if f.bootable {
		r.policy.Boot = f.boot.value
	}
	r.policy.BreakHardlinks = f.links.value == "break"
	hash, err := fsverity.ParseAlgorithm(f.hash.value)
	if err != nil {
		return recipe{}, err
	}
	r.version = erofs.Version(f.version.value[0] - '0')
	r.versionGiven = f.flags.Changed("erofs-version")
	r.rootGiven = f.flags.Changed("root") || f.flags.Changed("policy")
	if r.imports, err = f.imports.options(hash); err != nil {
		return recipe{}, err
	}
	r.imports.Layer = f.layer
	return r, nil
}

// useVersion takes the version of the composefs images among the sources, unless
// the user chose one.
func (r *recipe) useVersion(imports []*importers.Import) error {
	if r.versionGiven {
		return nil
	}
	found := false
	for _, imported := range imports {
		if imported.Image == nil {
			continue
		}
		if found && imported.Image.Version != r.version {
			return fmt.Errorf("the composefs images are of versions %d and %d, so their digests differ whatever is in them: compare the trees with --erofs-version %d",
				r.version, imported.Image.Version, r.version)
		}
		r.version, found = imported.Image.Version, true
	}
	return nil
}

func override[T ~string](rule *T, flag *enum[T]) {
	if flag.value != "" {
		*rule = flag.value
	}
}
