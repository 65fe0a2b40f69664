package cmd

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/recipe"
	"cfsverify/canon/releases"
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
	c.PreRunE = func(*cobra.Command, []string) error { return f.check() }
	f.version = enumFlag(c, "erofs-version", "1", []string{"0", "1", "2"}, "version of the composefs image format; that of a composefs image if one is a source")
	return f
}

// check finds mistakes that do not depend on the sources, before these are looked at.
func (f *recipeFlags) check() error {
	if _, err := f.parseConsumers(); err != nil {
		return err
	}
	_, err := f.imports.options(fsverity.SHA512)
	return err
}

// setting is what the flags come to for given sources.
type setting struct {
	recipe.Recipe
	imports importers.Options
	// versionGiven says that the user chose the version, rootGiven what the root
	// directory is, or for whom or with which mtimes trees are made ready for booting.
	versionGiven, rootGiven, bootGiven bool
}

// anyImage stands for the source of a command that takes images only, whose flags are
// read before it is looked at.
var anyImage = importers.Source{Transport: importers.OCI}

// setting reads the flags for some sources.
func (f *recipeFlags) setting(sources ...importers.Source) (setting, error) {
	consumer, err := f.consumer()
	if err != nil {
		return setting{}, err
	}
	return f.settingFor(consumer, sources...)
}

// settingFor is setting for a consumer, nil for none.
func (f *recipeFlags) settingFor(consumer *releases.Consumer, sources ...importers.Source) (setting, error) {
	s := setting{versionGiven: f.flags.Changed("erofs-version"), rootGiven: f.flags.Changed("root") || f.flags.Changed("policy"), bootGiven: f.flags.Changed("for") || f.flags.Changed("boot-mtime")}
	s.Version = erofs.Version(f.version.value[0] - '0')
	var err error
	// Somebody may have applied a policy to all of them before.
	final := !slices.ContainsFunc(sources, func(s importers.Source) bool { return !s.IsFinal() })
	if s.Policy, err = f.policyFor(final || f.raw); err != nil {
		return s, err
	}
	if s.Hash, err = fsverity.ParseAlgorithm(f.hash.value); err != nil {
		return s, err
	}
	switch {
	case consumer != nil:
		if err := s.useConsumer(f, consumer, final || f.raw, sources); err != nil {
			return s, err
		}
	case f.bootable:
		s.Policy.Boot = f.boot.value
	}
	s.imports, err = f.imports.options(s.Hash)
	s.imports.Labels = s.Policy.Boot.Prepares()
	return s, err
}

// useConsumer takes what the user did not choose from the recipe of a consumer.
func (s *setting) useConsumer(f *recipeFlags, c *releases.Consumer, raw bool, sources []importers.Source) error {
	layers := slices.ContainsFunc(sources, importers.Source.HasLayers)
	by := c.Recipe(layers)
	switch {
	case layers && c.Directory != c.Layers && slices.ContainsFunc(sources, func(s importers.Source) bool { return !s.HasLayers() }):
		return fmt.Errorf("--for %s: it makes digests of directories in another way than of layers, so that the two differ: compute each with cfsverify digest", c.Name)
	case by.Hash != 0 && by.Hash != s.Hash && f.flags.Changed("hash"):
		return fmt.Errorf("--for %s: it reads %v digests only: leave out --hash", c.Name, by.Hash)
	case by.Hash != 0:
		s.Hash = by.Hash
	}
	if !s.versionGiven {
		s.Version, s.versionGiven = by.Version, true
	}
	if raw {
		s.Policy.Boot, s.Policy.Links = by.Policy.Boot, by.Policy.Links
	} else {
		s.Policy = by.Policy
	}
	f.override(&s.Policy)
	return nil
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
