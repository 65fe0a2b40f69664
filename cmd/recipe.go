package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
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
	// layer is importers.Options.Layer.
	layer int
}

func addRecipeFlags(c *cobra.Command) *recipeFlags {
	f := &recipeFlags{policyFlags: addPolicyFlags(c)}
	c.Flags().BoolVar(&f.bootable, "bootable", false, "make the trees ready for booting, as composefs-rs does for a kernel command line: /boot and /sysroot emptied, no SELinux labels")
	f.imports = addImportFlags(c)
	f.hash = enumFlag(c, "hash", "sha512", []string{"sha256", "sha512"}, "fs-verity hash")
	f.version = enumFlag(c, "erofs-version", "1", []string{"0", "1", "2"}, "version of the composefs image format; that of a composefs image if one is a source")
	return f
}

// setting is what the flags come to for given sources.
type setting struct {
	policy  policy.Policy
	version erofs.Version
	// versionGiven says that the user chose the version.
	versionGiven bool
	// rootGiven says that the user chose what the root directory is.
	rootGiven bool
	imports   importers.Options
}

// recipe reads the flags. final says that all sources are trees to which a
// policy was applied before.
func (f *recipeFlags) recipe(final bool) (setting, error) {
	policy, err := f.policyFor(final || f.raw)
	if err != nil {
		return setting{}, err
	}
	r := setting{policy: policy}
	if f.bootable {
		r.policy.Boot = f.boot.value
	}
	hash, err := fsverity.ParseAlgorithm(f.hash.value)
	if err != nil {
		return setting{}, err
	}
	r.version = erofs.Version(f.version.value[0] - '0')
	r.versionGiven = f.flags.Changed("erofs-version")
	r.rootGiven = f.flags.Changed("root") || f.flags.Changed("policy")
	if r.imports, err = f.imports.options(hash); err != nil {
		return setting{}, err
	}
	r.imports.Layer = f.layer
	return r, nil
}

// useVersion takes the version of the composefs images among the sources, unless
// the user chose one.
func (r *setting) useVersion(imports []*importers.Import) error {
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
