package cmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/scan"
)

// importFlags say how sources are read, whatever is then done with them.
type importFlags struct {
	rules    *enum[layer.Rules]
	platform string
	lenient  bool
	objects  string
	mounts   *enum[scan.MountPolicy]
	timeout  time.Duration
	limits   limits.Limits
}

func addImportFlags(c *cobra.Command) *importFlags {
	f := addImageFlags(c)
	f.mounts = enumFlag(c, "mounts", scan.MountsFail, scan.AllMountPolicies(), "what to do with other mounts in a directory; to skip them is to scan what they hide")
	c.Flags().StringVar(&f.objects, "objects", "", "the content store `DIR` with the content of dump files and composefs images, such as that of an SELinux policy's files for --bootable")
	c.Flags().BoolVar(&f.lenient, "lenient", false, "read dump files of historical forms")
	return f
}

// addImageFlags adds those for a command that takes images only.
func addImageFlags(c *cobra.Command) *importFlags {
	f := addLayerFlags(c)
	f.rules = enumFlag(c, "layer-rules", layer.RulesOCI, layer.AllRules(), "how the layers of an image are applied")
	return f
}

// addLayerFlags adds those for a command that looks at layers one by one.
func addLayerFlags(c *cobra.Command) *importFlags {
	f := &importFlags{
		rules: &enum[layer.Rules]{value: layer.RulesOCI}, mounts: &enum[scan.MountPolicy]{value: scan.MountsFail},
		limits: limits.Default(),
	}
	flags := c.Flags()
	flags.StringVar(&f.platform, "platform", "", "the image to take of several, as `OS/ARCH[/VARIANT]`")
	flags.DurationVar(&f.timeout, "timeout", 0, "give up when reading a source takes longer than this `DURATION`, such as 90s or 10m")
	flags.Int64Var(&f.limits.Entries, "max-entries", f.limits.Entries, "refuse images of more than `N` tar entries and directories that they need; 0 is no limit, as for all --max flags")
	flags.Var((*size)(&f.limits.Bytes), "max-size", "refuse images whose uncompressed layers have more than so many bytes (`SIZE`)")
	flags.Var((*size)(&f.limits.Metadata), "max-metadata", "refuse images with more than so many bytes of names, link targets and PAX records (`SIZE`)")
	flags.Int64Var(&f.limits.Ratio, "max-ratio", f.limits.Ratio, "refuse layers that grow to more than `N` times of their compressed size, once they are over "+units.BytesSize(float64(f.limits.RatioFree)))
	return f
}

// options are those of the importers for a hash.
func (f *importFlags) options(hash fsverity.Algorithm) (importers.Options, error) {
	o := importers.Options{Hash: hash, Rules: f.rules.value, Lenient: f.lenient, Mounts: f.mounts.value, Timeout: f.timeout, Limits: f.limits, LabelStore: f.objects}
	if f.timeout < 0 || f.limits.Entries < 0 || f.limits.Ratio < 0 {
		return o, fmt.Errorf("--timeout, --max-entries and --max-ratio cannot be below zero; 0 is no limit")
	}
	if f.platform != "" {
		platform, err := v1.ParsePlatform(f.platform)
		if err != nil {
			return o, fmt.Errorf("--platform %q: %w: write OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64", f.platform, err)
		}
		o.Platform = platform
	}
	return o, nil
}

// size is a flag of bytes, with units that are powers of 1024.
type size int64

func (s *size) String() string {
	return strings.ReplaceAll(units.CustomSize("%g%s", float64(*s), 1024, []string{"", "K", "M", "G", "T", "P"}), " ", "")
}
func (s *size) Type() string { return "SIZE" }

func (s *size) Set(text string) error {
	n, err := units.RAMInBytes(text)
	if err != nil || n < 0 {
		return fmt.Errorf("write a number of bytes, or one with a unit, such as 512M or 4G")
	}
	*s = size(n)
	return nil
}
