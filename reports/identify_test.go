package reports

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/releases"
	"cfsverify/importers/layer"
)

func TestIdentificationText(t *testing.T) {
	want := fsverity.SumBytes(fsverity.SHA256, nil)
	usual := recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA256, Policy: policy.ComposefsRS()}
	odd := recipe.Recipe{Version: erofs.V2, Hash: fsverity.SHA256, Policy: policy.Raw()}
	odd.Policy.Boot, odd.Policy.Links = policy.BootSeconds, policy.LinksBreak
	corners := []erofs.Corner{{Kind: erofs.TimeBefore1970, Path: "/a", Count: 1}}
	byC := usual
	byC.Writer = erofs.Mkcomposefs
	const usualFlags = "--erofs-version 1 --hash sha256 --root usr --dir-mtime keep --run empty --xattrs allowlist --mtime ns"
	for text, id := range map[string]Identification{
		"FOUND: 2 of 9 recipes give " + want.String() + ":\n  oci:x " + usualFlags + "\n" +
			"  dump:y --erofs-version 2 --hash sha256 --root keep --dir-mtime keep --run keep --xattrs all --mtime ns --bootable --boot-mtime s --hardlinks break --layer-rules composefs-rs\n  oci:x: so does bootc 1.16.4 and later\n": {
			Makers: []Makers{{"oci:x", releases.Table()[:1]}},
			Found: []Identified{
				{Source: "oci:x", Rules: layer.RulesOCI, Made: recipe.Made{Recipe: usual}},
				{Source: "dump:y", Rules: layer.RulesComposefsRS, Made: recipe.Made{Recipe: odd}}},
			Nearest: []Identified{{Source: "unseen"}},
		},
		"NOT FOUND: none of 9 recipes gives " + want.String() + ":\nthe source is another one, or the digest was made in a way that is not known. By the usual recipes:\n" +
			"  oci:x " + usualFlags + " gives " + want.String() + "\n  dump:y has sha512 digests of file content, so it has no sha256 digest\n": {
			Nearest: []Identified{
				{Source: "oci:x", Rules: layer.RulesOCI, Made: recipe.Made{Recipe: usual, Digest: want}},
				{Source: "dump:y", Has: fsverity.SHA512}},
		},
		// The writer is told where it makes a difference.
		"FOUND: 2 of 9 recipes give " + want.String() + ":\n  oci:x " + usualFlags + " --writer composefs-rs\n  oci:x " + usualFlags + " --writer mkcomposefs\n": {
			Found: []Identified{
				{Source: "oci:x", Rules: layer.RulesOCI, Made: recipe.Made{Recipe: usual, Corners: corners}},
				{Source: "oci:x", Rules: layer.RulesOCI, Made: recipe.Made{Recipe: byC, Corners: corners}}},
		},
		"NOT FOUND: none of 9 recipes gives " + want.String() + ":\nthe source is another one, or the digest was made in a way that is not known. By the usual recipes:\n" +
			"  none: the usual recipes need a /usr\n": {},
	} {
		id.Want, id.Tried = want, 9
		var out bytes.Buffer
		if err := Write(&out, Text, &id, Options{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text, out.String()); diff != "" {
			t.Error(diff)
		}
	}
}
