package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"cfsverify/canon/fsverity"
	"cfsverify/cmd/advice"
	"cfsverify/cmd/flags"
	"cfsverify/cmd/named"
	"cfsverify/compare/seals"
	"cfsverify/compare/verify"
	"cfsverify/importers"
	"cfsverify/importers/limits"
	"cfsverify/reports"
)

func newSeal(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "seal",
		Short: "Check or write the digests that seal an image",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSealCheck(r), newSealWrite(r))
	return c
}

func newSealCheck(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "check IMAGE",
		Short: "Tell whether the digests that seal an image are its own",
		Long: helpText("seal-check") + helpText("images") + `
Exit status: 0 there are seals and all are good, 1 not, 2 trouble.`,
		Example: `  cfsverify seal check oci:image:latest
  cfsverify seal check --cmdline /proc/cmdline docker://registry.example/os:1`,
		Args: cobra.ExactArgs(1),
	}
	f := sealCheckFlags{policy: flags.AddPolicy(c), imports: flags.AddImage(c), look: addReportFlags(c, &reports.Seals{})}
	c.Flags().StringArrayVar(&f.named.UKIs, "uki", nil, "check the command line in this unified kernel image too (`FILE`)")
	c.Flags().StringArrayVar(&f.named.Cmdlines, "cmdline", nil, "check this kernel command line too: a `FILE|STRING`")
	c.Flags().StringArrayVar(&f.named.Digests, "expect", nil, "check that this is a digest of the image, bootable or not (`HEX`)")
	c.Flags().StringArrayVar(&f.trust, "trust", nil, "a digest of the image must be signed by a certificate in `FILE` (PEM or DER), and so must all that can be")
	c.Flags().StringArrayVar(&f.insides, "inside", nil, "what was sealed, to explain wrong seals by: a dump file, directory or composefs image (`SOURCE`)")
	c.Flags().BoolVar(&f.secure, "require-secure", false, "seals that let the image be mounted without being verified are wrong")
	c.RunE = func(c *cobra.Command, args []string) error {
		return f.check(c.Context(), r, args[0])
	}
	return c
}

// sealCheckFlags are those of seal check.
type sealCheckFlags struct {
	policy  *flags.Policy
	imports *flags.Import
	look    *reportFlags
	named   named.Seals
	trust   []string
	secure  bool
	insides []string
}

// check checks the seals of an image and those that are named, and reports.
func (f *sealCheckFlags) check(ctx context.Context, r *run, name string) (err error) {
	s := sealReader{boot: f.policy.Boot.Value, ifInterrupted: r.ifInterrupted}
	if s.policy, err = f.policy.For(false); err != nil {
		return err
	}
	if s.imports, err = f.imports.Options(fsverity.SHA512); err != nil {
		return err
	}
	s.imports.Labels = true
	o := seals.Options{Search: true, Timeout: f.imports.Timeout, RequireSecure: f.secure}
	if o.Consumers, err = f.policy.Audiences(); err != nil {
		return err
	}
	if o.Trusted, err = named.Certificates(f.trust); err != nil {
		return err
	}
	found, err := f.named.Read()
	if err != nil {
		return err
	}
	source, insides, err := f.sources(name)
	if err != nil {
		return err
	}
	if err := importers.Check(s.imports, append(insides, source)...); err != nil {
		return err
	}
	s.open = func(o importers.Options, work readImage) (*importers.Sealed, error) {
		if o.Hash != s.imports.Hash && slices.Contains(source.Layers, "-") {
			return nil, errors.New("seals of two hashes need two reads of the image, and standard input (-) can be read only once: write it to a file")
		}
		read, err := withImage(ctx, r.Err, source, o, work)
		if err != nil {
			return nil, err
		}
		// What is read again must be the same.
		source = source.Pin(read.Manifest)
		return read, nil
	}
	report := &reports.Seals{Source: source.Name()}
	first, err := s.load(s.imports.Hash)
	if err != nil {
		return err
	}
	report.Layers = first.Layers
	checked, err := s.check(ctx, append(found, first.Seals...), first, o)
	if err != nil {
		return err
	}
	report.Result = *checked
	trees, err := readInsides(ctx, r.Err, insides, first, s.imports)
	if err != nil {
		return err
	}
	report.Explanations, err = limits.InTime(ctx, f.imports.Timeout, source.String()+" could not be compared with what was sealed", func(ctx context.Context) ([]verify.SealExplanation, error) {
		return verify.ExplainSeals(ctx, report.Seals, inputOf("image", source, first.Import), trees, verify.Options{Rules: s.imports.Rules})
	})
	if err != nil {
		return err
	}
	advice.WrapSeals(report.Seals)
	if !report.Good() {
		r.status = statusDifferent
	}
	return f.look.write(ctx, r, report, nil)
}

// sources are the image of a name and what --inside names.
func (f *sealCheckFlags) sources(name string) (source importers.Source, insides []importers.Source, err error) {
	if source, err = importers.ParseSource(name); err != nil {
		return source, nil, err
	}
	if !source.HasLayers() {
		return source, nil, fmt.Errorf("%v is no container image, which seals are of: name one, such as oci:PATH; a digest of anything else is found by cfsverify identify", source)
	}
	if insides, err = parseSources(f.insides); err != nil {
		return source, nil, fmt.Errorf("--inside: %w", err)
	}
	if i := slices.IndexFunc(insides, importers.Source.HasLayers); i >= 0 {
		return source, nil, fmt.Errorf("--inside %v: what was sealed is a directory, dump file or composefs image", insides[i])
	}
	return source, insides, nil
}

// readInsides gives what may have been sealed: what --inside names, and the dump files in
// the image.
func readInsides(ctx context.Context, stderr *os.File, sources []importers.Source, image *importers.Sealed, o importers.Options) ([]verify.Inside, error) {
	var insides []verify.Inside
	for _, source := range sources {
		read, err := load(ctx, stderr, source, o)
		if err != nil {
			return nil, fmt.Errorf("--inside: %w", err)
		}
		insides = append(insides, verify.Inside{Source: source.Name(), Tree: read.Tree, Final: source.IsFinal()})
	}
	for _, d := range image.Dumps {
		insides = append(insides, verify.Inside{Source: d.Path, UKI: d.UKI, Tree: d.Tree, Err: d.Err, Final: true})
	}
	return insides, nil
}
