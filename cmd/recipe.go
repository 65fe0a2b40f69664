package cmd

import (
	"github.com/spf13/cobra"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/recipe"
	"cfsverify/compare/verify"
	"cfsverify/importers"
)

// recipeFlags say how sources are read and digests computed.
type recipeFlags struct {
	*policyFlags
	bootable bool
	hash     *enum[string]
	version  *enum[string]
	imports  *importFlags
	// raw is the policy of a command that has no other unless the user says so.
	raw bool
}

func addRecipeFlags(c *cobra.Command) *recipeFlags {
	f := &recipeFlags{policyFlags: addPolicyFlags(c)}
	c.Flags().BoolVar(&f.bootable, "bootable", false, "make the trees ready for booting, as composefs-rs does for a kernel command line: /boot and /sysroot emptied, all files labelled by the SELinux policy that the image brings")
	f.imports = addImportFlags(c)
	f.hash = enumFlag(c, "hash", "sha512", []string{"sha256", "sha512"}, "fs-verity hash")
	f.version = enumFlag(c, "erofs-version", "1", []string{"0", "1", "2"}, "version of the composefs image format; that of a composefs image if one is a source")
	return f
}

// setting is what the flags come to for given sources.
type setting struct {
	recipe.Recipe
	imports importers.Options
	// versionGiven says that the user chose the version, rootGiven what the root
	// directory is.
	versionGiven, rootGiven bool
}

// setting reads the flags. final says that all sources are trees to which a policy
// was applied before.
func (f *recipeFlags) setting(final bool) (setting, error) {
	s := setting{versionGiven: f.flags.Changed("erofs-version"), rootGiven: f.flags.Changed("root") || f.flags.Changed("policy")}
	s.Version = erofs.Version(f.version.value[0] - '0')
	var err error
	if s.Policy, err = f.policyFor(final || f.raw); err != nil {
		return s, err
	}
	if f.bootable {
		s.Policy.Boot = f.boot.value
	}
	if s.Hash, err = fsverity.ParseAlgorithm(f.hash.value); err != nil {
		return s, err
	}
	s.imports, err = f.imports.options(s.Hash)
	s.imports.Labels = f.bootable
	return s, err
}

// useVersion takes the version of the composefs images among the sources, unless
// the user chose one.
func (s *setting) useVersion(imports ...*importers.Import) (err error) {
	if s.versionGiven {
		return nil
	}
	var images []*erofs.Image
	for _, imported := range imports {
		images = append(images, imported.Composefs)
	}
	s.Version, err = verify.VersionOf(s.Version, images...)
	return err
}
