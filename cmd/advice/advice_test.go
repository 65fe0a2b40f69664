package advice

import (
	"errors"
	"fmt"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/compare/verify"
	"cfsverify/importers"
	"cfsverify/importers/composefs"
	"cfsverify/importers/image"
	"cfsverify/importers/limits"
	"cfsverify/importers/scan"
)

// TestAdviceOfImporters: the user is told of a flag wherever in an error the fault is.
func TestAdviceOfImporters(t *testing.T) {
	for want, err := range map[string]error{
		"the image has more than 3 tar entries and directories that they need: if you trust it, raise --max-entries":                                                             &limits.LimitError{Limit: limits.EntriesLimit, Most: 3},
		"the image has more than 3 bytes of names, link targets and PAX records: if you trust it, raise --max-metadata":                                                          &limits.LimitError{Limit: limits.MetadataLimit, Most: 3},
		"the image has more than 3 uncompressed bytes: if you trust it, raise --max-size":                                                                                        &limits.LimitError{Limit: limits.BytesLimit, Most: 3},
		"the image has more than 3 bytes in a layer: if you trust it, raise --max-size":                                                                                          &limits.LimitError{Limit: limits.CopyLimit, Most: 3},
		"the layer grows to more than 3 times of its compressed size: if you trust the image, raise --max-ratio":                                                                 &limits.LimitError{Limit: limits.RatioLimit, Most: 3},
		"oci:a could not be read in 1m0s: allow more with --timeout":                                                                                                             &limits.TimeoutError{What: "oci:a", Timeout: time.Minute},
		"there is no image for linux/arm64: there are none: choose one with --platform":                                                                                          &image.PlatformError{Want: &v1.Platform{OS: "linux", Architecture: "arm64"}, Has: "none"},
		"\"/a\" has other mounts in it, which are no part of the image: unmount them, or choose with --mounts to skip or to cross them:\n  \"/b\"":                               &scan.MountsError{Root: "/a", Mounts: []string{"/b"}},
		"dump:a has sha256 digests of file content, not sha512: add --hash sha256":                                                                                               &composefs.HashError{Source: importers.Source{Transport: importers.Dump, Path: "a"}, Has: fsverity.SHA256, Want: fsverity.SHA512},
		"from byte 7 on the image is not what its tree gives: it is damaged, or another program made it; with --lenient its tree is taken, whose digest is not that of the file": &composefs.OtherBytesError{At: 7},
	} {
		if got := Of(fmt.Errorf("before: %w: after", errors.Join(errors.New("first"), err))); got != "before: first\n"+want+": after" {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAdvise(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("x"), "x"},
		{fmt.Errorf("a: %w", &policy.RootError{Rule: policy.RootCreated}), "a: --root created needs an image config with a creation time: use another --root rule, such as newest"},
		{fmt.Errorf("a: %w", &policy.RootError{Rule: policy.RootUsr}), "a: there is no /usr whose metadata the root could take: use another --root rule, such as newest or keep, or --policy raw"},
		{fmt.Errorf("x: %w", &verify.VersionsError{Versions: [2]erofs.Version{erofs.V1, erofs.V2}}),
			"x: the composefs images are of versions 1 and 2, so their digests differ whatever is in them: compare the trees with --erofs-version 1"},
		{&policy.RootError{Rule: policy.RootUsr, Usr: canon.Symlink}, "/usr is a symlink, so the root cannot take its metadata: use another --root rule, such as newest or keep"},
		{fmt.Errorf("b: %w (c)", &policy.RunError{Kind: canon.Symlink}), "b: /run is a symlink, so it cannot be emptied: use --run keep (c)"},
	} {
		if got := Of(tt.err); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
