package cmd

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/seal"
	"cfsverify/compare/seals"
	"cfsverify/importers"
	"cfsverify/reports"
)

func newSealCheck(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "check IMAGE",
		Short: "Tell whether the digests that seal an image are its own",
		Long:  sealCheckHelp,
		Example: `  cfsverify seal check oci:image:latest
  cfsverify seal check --cmdline /proc/cmdline docker://registry.example/os:1`,
		Args: cobra.ExactArgs(1),
	}
	policy := addPolicyFlags(c)
	imports := addImageFlags(c)
	look := addReportFlags(c, []string{"text", "json"})
	var named namedSeals
	c.Flags().StringArrayVar(&named.ukis, "uki", nil, "check the command line in this unified kernel image too (`FILE`)")
	c.Flags().StringArrayVar(&named.cmdlines, "cmdline", nil, "check this kernel command line too: a `FILE|STRING`")
	c.Flags().StringArrayVar(&named.digests, "expect", nil, "check that this is a digest of the image, bootable or not (`HEX`)")
	trust := c.Flags().StringArray("trust", nil, "check signatures, which must be by a certificate in `FILE` (PEM or DER)")
	c.RunE = func(c *cobra.Command, args []string) error {
		source, err := importers.ParseSource(args[0])
		if err != nil {
			return err
		}
		if source.Transport == importers.Dir || source.IsFinal() {
			return fmt.Errorf("%v is no container image, which seals are of: name one, such as oci:PATH; a digest of anything else is found by cfsverify identify", source)
		}
		check := sealCheck{boot: policy.boot.value, ifInterrupted: r.ifInterrupted}
		if check.policy, err = policy.policyFor(false); err != nil {
			return err
		}
		if check.imports, err = imports.options(fsverity.SHA512); err != nil {
			return err
		}
		if check.trusted, err = readCertificates(*trust); err != nil {
			return err
		}
		found, err := named.read()
		if err != nil {
			return err
		}
		report := &reports.Seals{Source: source.String()}
		if report.Layers, report.Seals, err = check.image(c.Context(), r.Err, source, found); err != nil {
			return err
		}
		if !report.Good() {
			r.status = statusDifferent
		}
		switch {
		case look.quiet:
			return nil
		case look.output.value == "json":
			return reports.SealsJSON(r.Out, report)
		}
		return reports.SealsText(r.Out, report, look.text(r.Out))
	}
	return c
}

const sealCheckHelp = `Find the digests that seal an image, compute what they should be, and tell of each
whether it is good, wrong, or of no known form. Seals are looked for

    in unified kernel images and their addons below /boot/EFI/Linux,
      /boot/loader/addons and /usr/lib/modules/VERSION: composefs.digest= and
      composefs= on their command lines, of which each must have one;
    in the labels containers.composefs.fsverity and composefs.… of the config;
    in the annotations composefs.… of the manifest and of its descriptors;
    in artifacts of the type application/vnd.composefs.metadata.v1 whose subject is
      the image, in the layout or registry that it is in;

and where --uki, --cmdline and --expect say. Of a wrong one it is told which of the
lower layers, or which other recipe, would give it, and what has changed since.

An image is made bootable, for the digest of a command line, as composefs-rs does;
the digest of a layer is that of the layer alone, to which no policy is applied.

With --trust, every digest in an annotation or artifact must be signed by one of the
certificates, or by one that these have signed; when they expire does not matter, as
it does not to the kernel. Without it signatures are listed, and not checked.

` + imagesHelp + `
Exit status: 0 there are seals and all are good, 1 not, 2 trouble.`

// namedSeals are those that the user names.
type namedSeals struct{ ukis, cmdlines, digests []string }

func (n namedSeals) read() ([]seal.Seal, error) {
	var found []seal.Seal
	for _, name := range n.ukis {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		more, err := importers.SealsOfUKI(name, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("--uki %s: %w", name, err)
		}
		found = append(found, more...)
	}
	for _, text := range n.cmdlines {
		cmdline, err := readCmdline(text)
		if err != nil {
			return nil, fmt.Errorf("--cmdline: %w", err)
		}
		for _, f := range seal.CmdlineSeals(cmdline) {
			f.Place = seal.Cmdline
			found = append(found, f)
		}
	}
	for _, text := range n.digests {
		digest, err := parseNamedDigest(text)
		if err != nil {
			return nil, fmt.Errorf("--expect: %w", err)
		}
		found = append(found, seal.Seal{Place: seal.Expected, Value: text,
			Claim: seal.Claim{Digest: digest, Versions: []erofs.Version{erofs.V1, erofs.V0, erofs.V2}}})
	}
	return found, nil
}

// readCmdline takes a text for a command line itself if it has an argument's "=".
func readCmdline(text string) (string, error) {
	if strings.Contains(text, "=") {
		if _, err := os.Stat(text); err != nil {
			return text, nil
		}
	}
	data, err := os.ReadFile(text)
	return string(data), err
}

func readCertificates(files []string) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("--trust: %w", err)
		}
		more, err := seal.ParseCertificates(data)
		if err != nil {
			return nil, fmt.Errorf("--trust %s: %w", name, err)
		}
		list = append(list, more...)
	}
	return list, nil
}

// sealCheck checks the seals of one image.
type sealCheck struct {
	policy  policy.Policy
	boot    policy.BootRule
	imports importers.Options
	trusted []*x509.Certificate
	// ifInterrupted is run.ifInterrupted.
	ifInterrupted func(func() error)
}

// image checks what is named and what the image has itself, and tells the layers.
func (s *sealCheck) image(ctx context.Context, stderr *os.File, source importers.Source, named []seal.Seal) ([]*canon.Layer, []seals.Checked, error) {
	read := func(o importers.Options) (*importers.Import, error) {
		if o.Hash != s.imports.Hash && slices.Contains(source.Layers, "-") {
			return nil, errors.New("seals of two hashes need two reads of the image, and standard input (-) can be read only once: write it to a file")
		}
		imports, err := loadAll(ctx, stderr, []importers.Source{source}, o)
		if err != nil {
			return nil, err
		}
		// What is read again must be the same.
		source = source.Pin(imports[0].Manifest)
		return imports[0], nil
	}
	first, err := s.load(read, s.imports.Hash)
	if err != nil {
		return nil, nil, err
	}
	checked, err := s.check(ctx, append(named, first.Seals...), first, read, true)
	return first.Layers, checked, err
}

// check checks seals of an image that is loaded. For seals of the other hash it is
// read again.
func (s *sealCheck) check(ctx context.Context, found []seal.Seal, first *importers.Import, read readImage, search bool) ([]seals.Checked, error) {
	return seals.Check(ctx, found, func(alg fsverity.Algorithm) (seals.Subject, error) {
		if alg == s.imports.Hash {
			return s.sealed(first, alg), nil
		}
		other, err := s.load(read, alg)
		if err != nil {
			return seals.Subject{}, err
		}
		return s.sealed(other, alg), nil
	}, seals.Options{Trusted: s.trusted, Search: search})
}

// readImage imports the image that is checked.
type readImage func(importers.Options) (*importers.Import, error)

// load reads the image with file content hashed by alg.
func (s *sealCheck) load(read readImage, alg fsverity.Algorithm) (image *importers.Import, err error) {
	dir, err := os.MkdirTemp("", "cfsverify-seal-")
	if err != nil {
		return nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	s.ifInterrupted(remove)
	defer func() { err = errors.Join(err, remove()) }()
	o := s.imports
	o.Hash, o.Seals = alg, true
	if o.Objects, err = importers.OpenObjectStore(dir); err != nil {
		return nil, err
	}
	return read(o)
}

func (s *sealCheck) sealed(image *importers.Import, alg fsverity.Algorithm) seals.Subject {
	policy := s.policy
	policy.Created = image.Created
	return seals.Subject{
		Hash: alg, Policy: policy, Boot: s.boot, Tree: image.Tree, Layers: image.Stack.Len(), Lowest: image.Stack.Lowest, Alone: image.Stack.Alone,
		Manifest: image.Manifest, Config: image.Config,
	}
}
