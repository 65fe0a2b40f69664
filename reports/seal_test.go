package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/seal"
	"cfsverify/compare"
	"cfsverify/compare/notes"
	"cfsverify/compare/seals"
	"cfsverify/importers/layer"
)

// checkedSeals has a seal of each state, with names that are markup and controls.
func checkedSeals() *Seals {
	digest, other := fsverity.SumBytes(fsverity.SHA256, nil), fsverity.SumBytes(fsverity.SHA256, []byte("x"))
	node := func(perm uint16) *canon.Dirent {
		return &canon.Dirent{Node: &canon.Node{Kind: canon.FIFO, Perm: perm}}
	}
	claim := seal.Claim{Role: seal.Bootable, Versions: []erofs.Version{erofs.V1, erofs.V0}, Digest: digest}
	insecure := claim
	insecure.Insecure = true
	expected := []seals.Expected{{Role: seal.Bootable, Version: erofs.V1, Digest: other}, {Role: seal.Bootable, Version: erofs.V0, Digest: other}}
	good := []seals.Expected{{Role: seal.Bootable, Version: erofs.V1, Digest: other}, {Role: seal.Bootable, Version: erofs.V0, Digest: digest}}
	one, two := &canon.Layer{Index: 1}, &canon.Layer{Index: 2}
	from := func(l *canon.Layer, entry int32) *canon.Origin { return &canon.Origin{Layer: l, Entry: entry} }
	gone := func(path string, how layer.HowRemoved, hidden string) seals.Change {
		was := node(0o600)
		was.Origin = from(one, 3)
		return seals.Change{Difference: compare.Difference{Path: path, Status: compare.OnlyInA, A: was}, Removal: &layer.Removal{Origin: from(two, 4), How: how, Path: hidden}}
	}
	needed := &canon.Origin{Layer: two, Entry: 6, Implicit: true}
	change := compare.Difference{Path: "/a\x1b", Status: compare.Changed, A: node(0o600), B: node(0o644), Changes: []compare.Change{{Field: compare.Mode}}}
	since := []seals.Change{
		{Difference: change},
		{Difference: change, By: from(two, 5)},
		{Difference: change, By: needed},
		{Difference: compare.Difference{Path: "/b", Status: compare.OnlyInB, B: node(0o644)}, By: from(two, 5)},
		{Difference: compare.Difference{Path: "/b/c", Status: compare.OnlyInB, B: node(0o644)}, By: needed},
		{Difference: compare.Difference{Path: "/b/d", Status: compare.OnlyInB, B: node(0o644)}},
		gone("/x\x1b", layer.WhiteoutMarker, "/x\x1b"),
		gone("/x/y", layer.OpaqueMarker, "/x"),
		gone("/x/z", layer.Replaced, "/x"),
		{Difference: compare.Difference{Path: "/z", Status: compare.OnlyInA, A: node(0o644)}},
	}
	recipe := recipe.Recipe{Version: erofs.V1, Policy: policy.ComposefsRS()}
	byC := recipe
	byC.Writer = erofs.Mkcomposefs
	found := func(place seal.Place, c seal.Claim) seal.Seal {
		return seal.Seal{Place: place, Name: "/x\x1b.efi", Key: "composefs", Value: "\x1b", Claim: c}
	}
	layer, second := found(seal.LayerAnnotation, claim), found(seal.UKI, claim)
	layer.Layer, layer.Claim.Role, second.Profile = 2, seal.Layer, &seal.Profile{Number: 1, ID: "a\x1b", Title: "b\x1b"}
	signed := found(seal.Artifact, claim)
	signed.Signature = []byte("der")
	unknown := seal.Seal{Place: seal.Label, Key: "composefs.x", Err: errors.New("odd")}
	return &Seals{Source: "oci:x\x1b", Layers: []*canon.Layer{{Index: 1, DiffID: "sha256:" + strings.Repeat("1", 64)}, {Index: 2, DiffID: "sha256:" + strings.Repeat("2", 64)}}, Result: seals.Result{Seals: []seals.Checked{
		{Seal: found(seal.UKI, claim), State: seals.Good, Expected: good},
		{Seal: found(seal.Cmdline, insecure), State: seals.Wrong, Expected: expected, Match: &seals.Match{Layers: 1, Recipe: recipe, Since: since}},
		{Seal: found(seal.Expected, claim), State: seals.Wrong, Expected: expected, Match: &seals.Match{Layers: 2, Recipe: recipe}},
		{Seal: signed, State: seals.Good, Expected: good, Signer: "CN=\x1b"},
		{Seal: signed, State: seals.Wrong, Expected: good, Why: errors.New("the signature is not valid")},
		{Seal: unknown, State: seals.Unknown, Why: errors.New("odd")},
		{Seal: layer, State: seals.Wrong, Expected: expected, Searched: true},
		{Seal: layer, State: seals.Wrong, Expected: expected, Searched: true, Match: &seals.Match{Recipe: byC}},
		{Seal: second, State: seals.Wrong, Expected: expected, Searched: true},
		{Seal: second, State: seals.Wrong, Expected: expected, SearchErr: errors.New("late\x1b")},
	}, Notes: []notes.Note{{Kind: notes.PolicyReadOtherwise, Items: []notes.Item{{Text: "\x1b"}}}, {Kind: notes.BootEntry, Items: []notes.Item{{Path: "/\x1b", Text: "\x1b"}}}}}}
}

func sealsText(t *testing.T, s *Seals, o Options) string {
	t.Helper()
	var buf bytes.Buffer
	if err := Write(&buf, Text, s, o); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestSealsText(t *testing.T) {
	text := sealsText(t, checkedSeals(), Options{})
	// Each block of the report, without digests.
	want := `WRONG: 7 of 10 seals are wrong
  image  oci:x\x1b  (2 layers)

good: uki /x\x1b.efi, composefs
  says      HEX
  which is  the digest of the bootable image, EROFS version 0

wrong: cmdline /x\x1b.efi, composefs
  says      HEX
  should be HEX  (the digest of the bootable image, EROFS version 1)
  the lowest layer alone had that digest (EROFS version 1; root usr, directory mtimes keep, /run empty, xattrs allowlist, mtimes in ns); what the layers above changed: 10 entries
  /a\x1b
    mode: sealed 0600, now 0644
  /a\x1b
    mode: sealed 0600, now 0644
    changed by layer 2, entry 5
  /a\x1b
    mode: sealed 0600, now 0644
    changed: no layer has an entry for it; layer 2 needs it for entry 6
  /b  FIFO, mode 0644, owner 0:0
    added by layer 2, entry 5
  /b/c  FIFO, mode 0644, owner 0:0
    added: no layer has an entry for it; layer 2 needs it for entry 6
  /b/d  FIFO, mode 0644, owner 0:0
    added
  /x\x1b  FIFO, mode 0600, owner 0:0  [layer 1, entry 3]
    removed by the whiteout of /x\x1b: layer 2, entry 4
  /x/y  FIFO, mode 0600, owner 0:0  [layer 1, entry 3]
    removed by the opaque marker of /x: layer 2, entry 4
  /x/z  FIFO, mode 0600, owner 0:0  [layer 1, entry 3]
    removed when /x was replaced: layer 2, entry 4
  /z  FIFO, mode 0644, owner 0:0
    removed
  insecure: the "?" lets the image be mounted without being verified

wrong: expected /x\x1b.efi, composefs
  says      HEX
  should be HEX  (the digest of the bootable image, EROFS version 1)
  the image has that digest by another recipe: EROFS version 1; root usr, directory mtimes keep, /run empty, xattrs allowlist, mtimes in ns

good: artifact /x\x1b.efi, composefs
  says      HEX
  which is  the digest of the bootable image, EROFS version 0
  signed by CN=\x1b

wrong: artifact /x\x1b.efi, composefs
  says      HEX
  which is  the digest of the bootable image, EROFS version 0
  the signature is not valid

unknown: label, composefs.x
  odd

wrong: layer-annotation /x\x1b.efi of layer 2, composefs
  says      HEX
  should be HEX  (the digest of the bootable image, EROFS version 1)
  no recipe that is known gives the layer that digest

wrong: layer-annotation /x\x1b.efi of layer 2, composefs
  says      HEX
  should be HEX  (the digest of the bootable image, EROFS version 1)
  the layer has that digest by another recipe: EROFS version 1 as mkcomposefs writes it; root usr, directory mtimes keep, /run empty, xattrs allowlist, mtimes in ns

wrong: uki /x\x1b.efi, profile 1 (a\x1b), composefs
  says      HEX
  should be HEX  (the digest of the bootable image, EROFS version 1)
  no recipe that is known gives the image, or what it was before its upper layers, that digest

wrong: uki /x\x1b.efi, profile 1 (a\x1b), composefs
  says      HEX
  should be HEX  (the digest of the bootable image, EROFS version 1)
  not explained: late\x1b

note: whether restorecon would change labels is not known
    \x1b
  libselinux and composefs-rs use other engines for patterns. Write the rule with parentheses, and in ASCII.

note: composefs-rs refuses 1 boot entry, and the image with it
  /\x1b
    \x1b
  cfsctl and bootc look up what can be booted before they compute the digest of an image, and end with an error; cfsctl compute-id does not look when it scans a directory. The digest does not depend on it. Name files that are in the image, by their path from the root, or remove the entry.
`
	for _, content := range []string{"", "x"} {
		text = strings.ReplaceAll(text, fsverity.SumBytes(fsverity.SHA256, []byte(content)).String(), "HEX")
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(text, "\n")); diff != "" {
		t.Error(diff)
	}
	if verbose := sealsText(t, checkedSeals(), Options{Verbose: true}); strings.Count(verbose, "should be") != 12 {
		t.Errorf("%s", verbose)
	}
}

// TestSealsVerdict: only good seals, and some, make an image a sealed one.
func TestSealsVerdict(t *testing.T) {
	all := checkedSeals().Seals
	insecure := all[0]
	insecure.Claim.Insecure = true
	for want, c := range map[string]struct {
		seals []seals.Checked
		good  bool
	}{
		"NOT SEALED: nothing seals the image\n":          {nil, false},
		"SEALED: 1 seal is good\n":                       {all[:1], true},
		"SEALED: 2 seals are good\n":                     {[]seals.Checked{all[0], all[3]}, true},
		"WRONG: 1 of 2 seals are wrong\n":                {all[:2], false},
		"UNKNOWN: 1 of 1 seal cannot be checked\n":       {all[5:6], false},
		"WRONG: 2 of 3 seals are wrong\n":                {[]seals.Checked{all[1], all[2], all[5]}, false},
		"UNKNOWN: 1 of 2 seals cannot be checked\n":      {[]seals.Checked{all[0], all[5]}, false},
		"SEALED: 2 seals are good, 1 of them insecure\n": {[]seals.Checked{all[0], insecure}, true},
	} {
		s := &Seals{Result: seals.Result{Seals: c.seals}}
		if text := sealsText(t, s, Options{}); !strings.HasPrefix(text, want) || s.Good() != c.good {
			t.Errorf("good %v, want %q:\n%s", s.Good(), want, text)
		}
	}
}

// TestSealPlaceOfProfile: a profile goes by its ID, else its title, and always by its number.
func TestSealPlaceOfProfile(t *testing.T) {
	for want, p := range map[string]*seal.Profile{
		"uki x":                    nil,
		"uki x, profile 0":         {},
		"uki x, profile 2 (a)":     {Number: 2, ID: "a", Title: "b"},
		"uki x, profile 2 (b\\\\)": {Number: 2, Title: "b\\"},
	} {
		if got := SealPlace(seal.Seal{Place: seal.UKI, Name: "x", Profile: p}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func trustedSeals(all []seals.Checked, trust seals.Trust) *Seals {
	return &Seals{Source: "oci:x", Result: seals.Result{Seals: all, Trust: &trust}}
}

// TestSealsTrust: with --trust every form says what is signed, and what that does not
// protect.
func TestSealsTrust(t *testing.T) {
	all := checkedSeals().Seals
	unprotected := []seals.Part{seals.ManifestPart, seals.ConfigPart, seals.FilesPart, seals.KernelPart}
	const wants = "no signed digest is left, and --trust wants one"
	for name, c := range map[string]struct {
		seals   *Seals
		verdict string
		good    bool
		want    []string
	}{
		"signed": {
			trustedSeals([]seals.Checked{all[0], all[3]}, seals.Trust{Signed: []*seals.Checked{&all[3]}, Unprotected: unprotected[:1]}), "SEALED: 2 seals are good\n", true,
			[]string{"\ntrust: 1 digest is good and signed by a trusted certificate\n  not protected: the manifest: which config"},
		},
		"stripped":   {trustedSeals(all[:1], seals.Trust{Unprotected: unprotected}), "NOT SIGNED: 1 seal is good, but " + wants + "\n", false, []string{"\ntrust: " + wants + "\n", "not protected: the files\n", "not protected: unified kernel images and their command lines, whose signatures Secure Boot checks\n"}},
		"no seal":    {trustedSeals(nil, seals.Trust{Unprotected: unprotected[:3]}), "NOT SEALED: nothing seals the image: " + wants + "\n", false, nil},
		"layers":     {trustedSeals(all[3:4], seals.Trust{Signed: []*seals.Checked{&all[3]}, Unprotected: unprotected[:3]}), "NOT SIGNED: 1 seal is good, but no signed digest of it is left but those of layers, which do not say what layers it has: --trust wants one\n", false, nil},
		"wrong ones": {trustedSeals(all[:2], seals.Trust{Unprotected: unprotected}), "WRONG: 1 of 2 seals are wrong\n", false, []string{"\ntrust: " + wants + "\n"}},
		"boot":       {trustedSeals(all[3:4], seals.Trust{Signed: []*seals.Checked{&all[3]}, Unprotected: []seals.Part{seals.BootPart}}), "SEALED: 1 seal is good\n", true, []string{"not protected: what is in /boot and /sysroot\n"}},
	} {
		text := sealsText(t, c.seals, Options{})
		if !strings.HasPrefix(text, c.verdict) || c.seals.Good() != c.good {
			t.Errorf("%s: good %v, want %q:\n%s", name, c.seals.Good(), c.verdict, text)
		}
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", name, want, text)
			}
		}
		for _, form := range Forms(c.seals) {
			var buf bytes.Buffer
			if err := Write(&buf, form, c.seals, Options{}); err != nil {
				t.Fatal(err)
			}
			if !c.good && form != JSON && !strings.Contains(buf.String(), "--trust wants one") && name != "wrong ones" {
				t.Errorf("%s as %s does not say what is missing:\n%s", name, form, &buf)
			}
			if want := partTexts[c.seals.Trust.Unprotected[0]]; form != JSON && form != Annotations && !strings.Contains(buf.String(), want) {
				t.Errorf("%s as %s lacks %q:\n%s", name, form, want, &buf)
			}
			if failed := strings.Contains(buf.String(), "<failure"); form == JUnit && failed == c.good {
				t.Errorf("%s: failures %v:\n%s", name, failed, &buf)
			}
		}
	}
}

func TestSealsJSONFollowsSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("seals.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Seals{checkedSeals(), {Source: "oci:x"}, trustedSeals(checkedSeals().Seals, seals.Trust{Unprotected: seals.Parts()}), trustedSeals(nil, seals.Trust{})} {
		var buf bytes.Buffer
		if err := Write(&buf, JSON, s, Options{}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(buf.String(), "\x1b") {
			t.Errorf("names are not escaped: %s", buf.String())
		}
		validate(t, schema, &buf)
	}
	raw, err := os.ReadFile("seals.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Properties struct {
			Trust struct {
				Properties struct {
					Unprotected struct{ Items struct{ Enum []seals.Part } }
				}
			}
			Seals struct {
				Items struct {
					Properties struct {
						Place struct{ Enum []seal.Place }
						Match struct {
							Properties struct {
								Differences struct {
									Items struct {
										Properties struct {
											Removal struct {
												Properties struct {
													How struct{ Enum []layer.HowRemoved }
												}
											}
										}
									}
								}
							}
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	properties := &doc.Properties.Seals.Items.Properties
	if diff := cmp.Diff(seal.Places(), properties.Place.Enum); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(seals.Parts(), doc.Properties.Trust.Properties.Unprotected.Items.Enum); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(layer.AllHowRemoved(), properties.Match.Properties.Differences.Items.Properties.Removal.Properties.How.Enum); diff != "" {
		t.Error(diff)
	}
}

// TestMatchJSON: a program learns which entry did what.
func TestMatchJSON(t *testing.T) {
	var buf bytes.Buffer
	if err := Write(&buf, JSON, checkedSeals(), Options{}); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Seals []struct {
			SearchError string
			Match       struct {
				Differences []struct {
					Path    string
					By      *struct{ Layer, Entry int }
					Removal *struct{ How, Path string }
				}
			}
		}
	}
	if err := json.Unmarshal(buf.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range doc.Seals[1].Match.Differences {
		line := d.Path
		if d.By != nil {
			line += fmt.Sprintf(" by %d/%d", d.By.Layer, d.By.Entry)
		}
		if d.Removal != nil {
			line += fmt.Sprintf(" %s of %s", d.Removal.How, d.Removal.Path)
		}
		got = append(got, line)
	}
	want := []string{`/a\x1b`, `/a\x1b by 2/5`, `/a\x1b by 2/6`, "/b by 2/5", "/b/c by 2/6", "/b/d", `/x\x1b by 2/4 whiteout of /x\x1b`, "/x/y by 2/4 opaque of /x", "/x/z by 2/4 replaced of /x", "/z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := doc.Seals[9].SearchError; got != `late\x1b` {
		t.Errorf("%q", got)
	}
}
