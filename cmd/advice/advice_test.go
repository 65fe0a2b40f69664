package advice

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/selinux"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/seals"
	"cfsverify/compare/verify"
	"cfsverify/importers"
	"cfsverify/importers/composefs"
	"cfsverify/importers/content"
	"cfsverify/importers/engine"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/layout"
	"cfsverify/importers/limits"
	"cfsverify/importers/objects"
	"cfsverify/importers/scan"
)

// TestAdviceOfImporters: the user is told of a flag wherever in an error the fault is.
func TestAdviceOfImporters(t *testing.T) {
	for want, err := range map[string]error{
		"the image has more than 3 tar entries and directories that they need: if you trust it, raise --max-entries":                                                                              &limits.LimitError{Limit: limits.EntriesLimit, Most: 3},
		"the image has more than 3 bytes of names, link targets, PAX records and inodes in memory: if you trust it, raise --max-metadata":                                                         &limits.LimitError{Limit: limits.MetadataLimit, Most: 3},
		"the image has more than 3 uncompressed bytes: if you trust it, raise --max-size":                                                                                                         &limits.LimitError{Limit: limits.BytesLimit, Most: 3},
		"the image has more than 3 bytes in a layer: if you trust it, raise --max-size":                                                                                                           &limits.LimitError{Limit: limits.CopyLimit, Most: 3},
		"the layer grows to more than 3 times of its compressed size: if you trust the image, raise --max-ratio":                                                                                  &limits.LimitError{Limit: limits.RatioLimit, Most: 3},
		"the digest is not that of the image, or of an older state that was tried; those with 7 of its layers or fewer were not, as that would take too long: name what was sealed with --inside": &seals.UntriedError{Layers: 7},
		"oci:a could not be read in 1m0s: allow more with --timeout":                                                                                                                              &limits.TimeoutError{What: "oci:a could not be read", Timeout: time.Minute},
		"there is no image for linux/arm64: there are none: choose one with --platform":                                                                                                           &image.PlatformError{Want: &v1.Platform{OS: "linux", Architecture: "arm64"}, Has: "none"},
		"\"/a\" has other mounts in it, which are no part of the image: unmount them, or choose with --mounts to skip or to cross them:\n  \"/b\"":                                                &scan.MountsError{Root: "/a", Mounts: []string{"/b"}},
		"a looks as if it had been prepared for booting before it was written (x; y), but a tree that nobody prepared may look the same, and preparing b would change it: say --bootable --boot-mtime ns if a was prepared, or --bootable=false to compare both as they are": &verify.DoubtError{Recognised: verify.Recognised{Prepared: &policy.Prepared{Boot: policy.BootNanoseconds, Links: policy.LinksKeep, Facts: []string{"x", "y"}}, Name: "a", Other: "b"}},
		"dump:a has sha256 digests of file content, not sha512: add --hash sha256":                                                                                               &composefs.HashError{Source: importers.Source{Transport: importers.Dump, Path: "a"}, Has: fsverity.SHA256, Want: fsverity.SHA512},
		"from byte 7 on the image is not what its tree gives: it is damaged, or another program made it; with --lenient its tree is taken, whose digest is not that of the file": &composefs.OtherBytesError{At: 7},
	} {
		if got := Of(fmt.Errorf("before: %w: after", errors.Join(errors.New("first"), err))); got != "before: first\n  "+want+": after" {
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
		{&policy.LabelsError{Path: "/etc/selinux/config"}, `it has an SELinux policy, by which all files are labelled for booting, but not the content of "/etc/selinux/config": make the dump file with --bootable, so that it has the labels, name a content store that has the file with --objects, or take the image or directory itself`},
		{fmt.Errorf("a: %w", &tarfile.XattrError{Name: "trusted.overlay.redirect"}), `a: a canonical tar does not hold the xattr "trusted.overlay.redirect", by which overlayfs finds the content of files: leave it out with --xattrs allowlist; cfsverify repair removes it from the layers of an image`},
		{&selinux.Error{Path: "/etc", Reason: "r"}, `SELinux policy: "/etc": r`},
		{&selinux.Error{Path: "/etc", Reason: "r", FollowedByScan: true}, `SELinux policy: "/etc": r; cfsctl refuses it in an image, but follows it in a directory, on the host: so a digest that it makes in a build is of no use`},
		{&layout.BusyError{Path: "/a", Timeout: time.Minute}, `"/a" is written to by another program, which took longer than 1m0s: allow more with --timeout`},
		{&objects.SpaceError{Dir: "/tmp"}, `the content of files is staged in "/tmp", where there is no more space for it: set TMPDIR to a directory with more room`},
		{&engine.NameError{Name: "x", Known: []string{"a", "b"}}, `--engine "x" is not known: use a or b`},
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

// TestAdviceOfContent: content that is nowhere is looked for in a store.
func TestAdviceOfContent(t *testing.T) {
	err := fmt.Errorf("/usr/bin/a: %w", &content.MissingError{Source: importers.Source{Transport: importers.Dump, Path: "a.dump"}})
	if got, want := Of(err), "/usr/bin/a: its content is not in dump:a.dump: name the content store with --objects"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestAdviceOnce: of two errors that there is advice for, one gets it, and the text of
// the other stays.
func TestAdviceOnce(t *testing.T) {
	run, slow := &policy.RunError{Kind: canon.Symlink}, &limits.TimeoutError{What: "a could not be read", Timeout: time.Second}
	const emptied, late = "/run is a symlink, so it cannot be emptied: use --run keep", "a could not be read in 1s"
	for want, err := range map[string]error{emptied + "\n  " + late: errors.Join(run, slow), late + "\n  " + emptied: errors.Join(slow, run)} {
		if got := Of(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestWrap: an error says what a user can do, and is still the one that it was.
func TestWrap(t *testing.T) {
	if err := Wrap(nil); err != nil {
		t.Errorf("nothing became %v", err)
	}
	inner := &policy.RunError{Kind: canon.Symlink}
	for _, err := range []error{Wrap(inner), Wrap(fmt.Errorf("side A: %w", inner))} {
		var run *policy.RunError
		if !strings.HasSuffix(err.Error(), "/run is a symlink, so it cannot be emptied: use --run keep") || !errors.As(err, &run) || run != inner {
			t.Errorf("%v", err)
		}
	}
	plain := errors.New("x")
	if err := Wrap(plain); err.Error() != "x" || !errors.Is(err, plain) {
		t.Errorf("%v", err)
	}
}

// TestWrapSide: only what other layer rules say against an image is changed, if they do.
func TestWrapSide(t *testing.T) {
	WrapSide(&verify.Side{Name: "A"})
	agrees := verify.Side{OtherRules: &verify.OtherRules{}}
	if WrapSide(&agrees); agrees.OtherRules.Err != nil {
		t.Errorf("nothing became %v", agrees.OtherRules.Err)
	}
	refuses := verify.Side{Name: "A", OtherRules: &verify.OtherRules{OtherRules: layer.OtherRules{Rules: layer.RulesOCI, Err: &policy.RootError{Rule: policy.RootUsr}}}}
	WrapSide(&refuses)
	if got, want := refuses.OtherRules.Err.Error(), "there is no /usr whose metadata the root could take: use another --root rule, such as newest or keep, or --policy raw"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if refuses.Name != "A" || refuses.OtherRules.Rules != layer.RulesOCI {
		t.Errorf("%+v", refuses)
	}
}

// TestWrapSeals: each seal keeps its state, and gets advice on why that is.
func TestWrapSeals(t *testing.T) {
	WrapSeals(nil)
	checked := []seals.Checked{{State: seals.Good}, {State: seals.Unknown, Why: &policy.RootError{Rule: policy.RootCreated}}, {State: seals.Wrong, Why: errors.New("x"), SearchErr: &seals.TimeoutError{Timeout: time.Second}}}
	WrapSeals(checked)
	var got []string
	for _, c := range checked {
		got = append(got, fmt.Sprintf("%s: %v, %v", c.State, c.Why, c.SearchErr))
	}
	want := []string{"good: <nil>, <nil>", "unknown: --root created needs an image config with a creation time: use another --root rule, such as newest, <nil>",
		"wrong: x, what gives that digest was not found in 1s, and there is more to try: allow more with --timeout"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
