package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/releases"
	"cfsverify/importers"
)

func newDigest(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "digest SOURCE",
		Short: "Print the composefs digest of a source",
		Long:  helpText("digest") + helpText("sources"),
		Example: `  cfsverify digest --karg dir:/target >/etc/kernel/cmdline
  cfsverify digest --hash sha256 oci:image:latest`,
		Args: cobra.ExactArgs(1),
	}
	flags := addRecipeFlags(c)
	karg := c.Flags().Bool("karg", false, "print the digest of the bootable tree as a kernel argument")
	plain := c.Flags().Bool("no-bootable", false, "with --karg: take the tree as it is")
	c.MarkFlagsMutuallyExclusive("bootable", "no-bootable")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *plain && !*karg {
			return errors.New("--no-bootable is for --karg: without it the tree is taken as it is anyway")
		}
		source, err := importers.ParseSource(args[0])
		if err != nil {
			return err
		}
		if *karg {
			flags.bootable = !*plain
			return flags.printKarg(c.Context(), r, source)
		}
		imported, s, err := flags.loadOne(c.Context(), r.Err, source, nil)
		if err != nil {
			return err
		}
		digest, err := s.Sum(imported.Tree)
		if err != nil {
			return fmt.Errorf("%v: %w", source, err)
		}
		if err := s.warnCorners(r.Err, source, imported.Tree); err != nil {
			return err
		}
		_, err = fmt.Fprintln(r.Out, digest)
		return err
	}
	return c
}

// printKarg prints the kernel arguments that the consumers of --for want. Without it that is
// bootc, for version 2 its old installations, and for what bootc does not read composefs-rs.
func (f *recipeFlags) printKarg(ctx context.Context, r *run, source importers.Source) error {
	if len(f.Consumers) == 0 {
		switch {
		case f.hash.Value == "sha256" || f.version.Value == "0":
			f.Consumers = []string{"composefs-rs"}
		case f.version.Value == "2":
			f.Consumers = []string{"bootc-v2"}
		default:
			f.Consumers = []string{"bootc"}
		}
	}
	consumers, err := f.ParseConsumers()
	if err == nil {
		err = releases.CheckNumber(consumers)
	}
	if err != nil {
		return err
	}
	settings := make([]setting, len(consumers))
	for i := range consumers {
		if settings[i], err = f.settingFor(&consumers[i], source); err != nil {
			return err
		}
		settings[i].forKernel = true
		consumers[i].Layers.Version = settings[i].Version
		if !f.bootable {
			settings[i].Policy.Boot = policy.BootNo
		}
	}
	var raw *importers.Import
	var versions []erofs.Version
	digests := make([]fsverity.Digest, len(consumers))
	for i, s := range settings {
		if raw == nil || raw.Tree.HashAlgorithm() != 0 && raw.Tree.HashAlgorithm() != s.Hash {
			if raw, err = load(ctx, r.Err, source, s.imports); err != nil {
				return err
			}
		}
		imported := *raw
		imported.Tree = raw.Tree.Clone()
		if err := s.apply(r.Err, source, &imported); err != nil {
			return err
		}
		if digests[i], err = s.Sum(imported.Tree); err != nil {
			return fmt.Errorf("%v: %w", source, err)
		}
		if !slices.Contains(versions, s.Version) {
			if err := s.warnCorners(r.Err, source, imported.Tree); err != nil {
				return err
			}
			versions = append(versions, s.Version)
		}
	}
	cmdline, err := releases.Cmdline(consumers, digests)
	if err != nil {
		return fmt.Errorf("%v: %w", source, err)
	}
	_, err = fmt.Fprintln(r.Out, cmdline)
	return err
}
