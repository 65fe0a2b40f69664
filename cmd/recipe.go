package cmd

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/recipe"
	"cfsverify/canon/releases"
	"cfsverify/cmd/flags"
	"cfsverify/compare/verify"
	"cfsverify/importers"
)

// recipeFlags say how sources are read and digests computed.
type recipeFlags struct {
	*flags.Policy
	bootable bool
	hash     *flags.Enum[string]
	version  *flags.Enum[string]
	writer   *flags.Enum[string]
	imports  *flags.Import
	// raw is the policy of a command that has no other unless the user says so.
	raw bool
}

func addRecipeFlags(c *cobra.Command) *recipeFlags {
	f := &recipeFlags{Policy: flags.AddPolicy(c)}
	c.Flags().BoolVar(&f.bootable, "bootable", false, "make the trees ready for booting, as composefs-rs does for a kernel command line: /boot and /sysroot emptied, all files labelled by the SELinux policy that the image brings")
	f.imports = flags.AddImport(c)
	f.hash = flags.NewEnum(c, "hash", "sha512", []string{"sha256", "sha512"}, "fs-verity hash")
	f.version = flags.NewEnum(c, "erofs-version", "1", []string{"0", "1", "2"}, "version of the composefs image format; that of a composefs image if one is a source")
	f.writer = flags.NewEnum(c, "writer", "", []string{erofs.ComposefsRS.String(), erofs.Mkcomposefs.String()}, "whose bytes the composefs image has where programs write others (composefs-rs; mkcomposefs with --policy raw, unless --bootable)")
	c.PreRunE = func(*cobra.Command, []string) error { return f.check() }
	return f
}

// check finds mistakes that do not depend on the sources, before these are looked at.
func (f *recipeFlags) check() error {
	if _, err := f.ParseConsumers(); err != nil {
		return err
	}
	_, err := f.imports.Options(fsverity.SHA512)
	return err
}

// setting is what the flags come to for given sources.
type setting struct {
	recipe.Recipe
	imports importers.Options
	// versionGiven says that the user chose the version, writerGiven the writer, rootGiven
	// what the root directory is, bootGiven for whom or with which mtimes trees are made
	// ready for booting.
	versionGiven, writerGiven, rootGiven, bootGiven bool
	// rulesGiven says that the user chose the layer rules, forKernel that the digest is for a
	// kernel's command line.
	rulesGiven, forKernel bool
	// recognise is for comparisons: the user did not say whether trees are for booting.
	recognise bool
}

// anyImage stands for the source of a command that takes images only, whose flags are
// read before it is looked at.
var anyImage = importers.Source{Transport: importers.OCI}

// setting reads the flags for some sources.
func (f *recipeFlags) setting(sources ...importers.Source) (setting, error) {
	consumer, err := f.Consumer()
	if err != nil {
		return setting{}, err
	}
	return f.settingFor(consumer, sources...)
}

// settingFor is setting for a consumer, nil for none.
func (f *recipeFlags) settingFor(consumer *releases.Consumer, sources ...importers.Source) (setting, error) {
	s := setting{versionGiven: f.Flags.Changed("erofs-version"), rootGiven: f.Flags.Changed("root") || f.Flags.Changed("policy"), bootGiven: f.Flags.Changed("for") || f.Flags.Changed("boot-mtime"), writerGiven: f.Flags.Changed("writer"), rulesGiven: f.Flags.Changed("layer-rules")}
	s.Version = erofs.Version(f.version.Value[0] - '0')
	var err error
	// Somebody may have applied a policy to all of them before.
	final := !slices.ContainsFunc(sources, func(s importers.Source) bool { return !s.IsFinal() })
	if s.Policy, err = f.For(final || f.raw); err != nil {
		return s, err
	}
	s.recognise = !f.Flags.Changed("bootable") && f.Name.Value != "raw"
	if s.Hash, err = fsverity.ParseAlgorithm(f.hash.Value); err != nil {
		return s, err
	}
	switch {
	case consumer != nil:
		if err := s.useConsumer(f, consumer, final || f.raw, sources); err != nil {
			return s, err
		}
	case f.bootable:
		s.Policy.Boot = f.Boot.Value
	case f.IsRaw(final || f.raw) && s.Version != erofs.V2:
		s.Writer = erofs.Mkcomposefs
	}
	if s.writerGiven {
		if s.Writer, err = erofs.ParseWriter(f.writer.Value); err != nil {
			return s, err
		}
	}
	s.imports, err = f.imports.Options(s.Hash)
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
	case by.Hash != 0 && by.Hash != s.Hash && f.Flags.Changed("hash"):
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
	f.Override(&s.Policy)
	return nil
}

// useFormat takes the version and the writer of the composefs images among the sources,
// unless the user chose them.
func (s *setting) useFormat(imports ...*importers.Import) error {
	var images []*erofs.Image
	for _, imported := range imports {
		images = append(images, imported.Composefs)
	}
	o, err := verify.FormatOf(erofs.Options{Version: s.Version, Writer: s.Writer}, images...)
	if !s.writerGiven {
		s.Writer = o.Writer
	}
	if s.versionGiven {
		return nil
	}
	s.Version = o.Version
	return err
}
