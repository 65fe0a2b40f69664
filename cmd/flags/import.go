package flags

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

// Import are the flags that say how sources are read, whatever is then done with them.
type Import struct {
	rules    *Enum[layer.Rules]
	platform string
	lenient  bool
	// Objects is a content store.
	Objects string
	mounts  *Enum[scan.MountPolicy]
	Timeout time.Duration
	limits  limits.Limits
}

// AddImport adds those for a command that takes any sources.
func AddImport(c *cobra.Command) *Import {
	f := AddImage(c)
	f.mounts = NewEnum(c, "mounts", scan.MountsFail, scan.AllMountPolicies(), "what to do with other mounts in a directory; to skip them is to scan what they hide")
	c.Flags().StringVar(&f.Objects, "objects", "", "the content store `DIR` with the content of dump files and composefs images, such as that of an SELinux policy's files for --bootable")
	c.Flags().BoolVar(&f.lenient, "lenient", false, "read dump files of historical forms")
	return f
}

// AddImage adds those for a command that takes images only.
func AddImage(c *cobra.Command) *Import {
	f := AddLayer(c)
	f.rules = NewEnum(c, "layer-rules", layer.RulesOCI, layer.AllRules(), "how the layers of an image are applied")
	return f
}

// AddLayer adds those for a command that looks at layers one by one.
func AddLayer(c *cobra.Command) *Import {
	f := &Import{
		rules: &Enum[layer.Rules]{Value: layer.RulesOCI}, mounts: &Enum[scan.MountPolicy]{Value: scan.MountsFail},
		limits: limits.Default(),
	}
	flags := c.Flags()
	flags.StringVar(&f.platform, "platform", "", "the image to take of several, as `OS/ARCH[/VARIANT]`")
	flags.DurationVar(&f.Timeout, "timeout", 0, "give up when reading a source, or then comparing or searching, takes longer than this `DURATION`, such as 90s or 10m")
	flags.Int64Var(&f.limits.Entries, "max-entries", f.limits.Entries, "refuse images of more than `N` tar entries and directories that they need; 0 is no limit, as for all --max flags")
	flags.Var((*size)(&f.limits.Bytes), "max-size", "refuse images whose uncompressed layers have more than so many bytes (`SIZE`)")
	flags.Var((*size)(&f.limits.Metadata), "max-metadata", "refuse images whose names, link targets, PAX records and inodes take more than so many bytes of memory (`SIZE`)")
	flags.Int64Var(&f.limits.Ratio, "max-ratio", f.limits.Ratio, "refuse layers that grow to more than `N` times of their compressed size, once they are over "+units.BytesSize(float64(f.limits.RatioFree)))
	return f
}

// Options are those of the importers for a hash.
func (f *Import) Options(hash fsverity.Algorithm) (importers.Options, error) {
	o := importers.Options{Hash: hash, Rules: f.rules.Value, Lenient: f.lenient, Mounts: f.mounts.Value, Timeout: f.Timeout, Limits: f.limits, LabelStore: f.Objects}
	if f.Timeout < 0 || f.limits.Entries < 0 || f.limits.Ratio < 0 {
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
