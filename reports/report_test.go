package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/proof"
	"cfsverify/compare/verify"
	"cfsverify/importers/layer"
)

// sample is a report with one difference of every sort, names that are hostile
// to a terminal included.
func sample() *verify.Result {
	top := &canon.Layer{Index: 1, DiffID: "sha256:" + strings.Repeat("1", 64), Digest: "sha256:" + strings.Repeat("2", 64)}
	digest := func(s string) fsverity.Digest { return fsverity.SumBytes(fsverity.SHA256, []byte(s)) }
	put := func(t *canon.Tree, name string, n *canon.Node, o *canon.Origin) {
		t.Root.Put(canon.Dirent{Name: name, Node: n, Origin: o})
	}
	a, b := canon.NewTree(), canon.NewTree()
	b.Root.Mtime = canon.Time{Sec: 1, Nsec: 5}
	put(a, "su", &canon.Node{Kind: canon.Regular, Perm: 0o755}, nil)
	put(b, "su", &canon.Node{Kind: canon.Regular, Perm: 0o4755, Xattrs: canon.Xattrs{{Name: "user.x", Value: "\x00"}}},
		&canon.Origin{Layer: top, Entry: 7, Header: &canon.Header{Offset: 512, Typeflag: '0', Name: "./su", Mode: 0o4755, PAX: map[string]string{"SCHILY.xattr.user.x": "\x00"}}})
	put(a, "evil\x1b[31m\n\xff", &canon.Node{Kind: canon.Symlink, Target: "a\tb"}, nil)
	put(b, "made", &canon.Node{Kind: canon.Directory, Perm: 0o755}, &canon.Origin{Layer: top, Entry: 9, Implicit: true})
	put(a, "big", &canon.Node{Kind: canon.Regular, Size: 65, Content: canon.External(digest("a"))}, nil)
	put(b, "big", &canon.Node{Kind: canon.Regular, Size: 66, Content: canon.External(digest("b"))}, nil)
	put(a, "null", &canon.Node{Kind: canon.CharDevice, Rdev: 1<<8 | 3}, nil)
	put(b, "null", &canon.Node{Kind: canon.CharDevice, Rdev: 1<<8 | 5}, nil)
	a.CountLinks()
	b.CountLinks()
	differences := compare.Trees(a, b)
	findings := blame.Explain(blame.Comparison{A: a, B: b, NameA: "inside", NameB: "outside", Differences: differences, Policy: policy.Raw()})
	return &verify.Result{
		Recipe: recipe.Recipe{Version: 1, Hash: fsverity.SHA256, Policy: policy.Raw()}, Rules: layer.RulesOCI,
		A: verify.Side{Name: "inside", Source: "dir:/target", Entries: 5, Digest: digest("inside")},
		B: verify.Side{Name: "outside", Source: "oci:image", Entries: 6, Digest: digest("outside"), Layers: []*canon.Layer{top},
			OtherRules: &verify.OtherRules{OtherRules: layer.OtherRules{Rules: layer.RulesComposefsRS, Err: errors.New("layer 1, entry 9: no parent"),
				Events: []layer.Event{
					{Layer: top, Entry: 9, Path: "made/x", What: "refuses: no layer has the parent"},
					{Layer: top, What: "the whole of it"}, {Path: "x", What: "something else"}}}}},
		Outcome: verify.Outcome{Differences: differences, Findings: findings,
			Proof: &proof.Proof{Complete: true, Digest: digest("outside"), Smallest: []blame.Cause{blame.ContentChange}, Needed: []blame.Cause{blame.ContentChange},
				Effects: []proof.Effect{
					{Part: proof.Mtime, Word: "s", Removes: []blame.Cause{blame.RootMetadata}, DigestA: digest("outside"), DigestB: digest("outside")},
					{Part: proof.Boot, Word: "s", Removes: []blame.Cause{blame.UserXattr}, DigestA: digest("inside"), DigestB: digest("outside")}}},
			Masked: &verify.Masked{Differences: differences[:1], Findings: findings[:1]}},
	}
}

const sampleText = `DIFFERENT: 6 entries differ, for 6 causes
  inside   dir:/target  (5 entries)
  outside  oci:image  (6 entries)

first: root-metadata: Use a rule that does not look at it: --root usr, as composefs-rs has it by default.
without 1 of the 6 findings the digests would be equal: content-change

composefs digest (EROFS version 1, sha256; root keep, directory mtimes keep, /run keep, xattrs all, mtimes in ns; layer rules oci)
  inside   DIGEST
  outside  DIGEST
with --mtime s (no root-metadata)
  both     DIGEST
with --bootable (no user-xattr)
  inside   DIGEST
  outside  DIGEST

root-metadata: metadata of the root directory (1 entry)
  Few layers have an entry for the root, and engines ignore it or make it up: podman 0555, Docker 0755, with the time of unpacking.
  do: Use a rule that does not look at it: --root usr, as composefs-rs has it by default.
  evidence: no layer has an entry for the root, so every tool makes its own
  /
    mtime: inside 1970-01-01T00:00:00.000000000Z, outside 1970-01-01T00:00:01.000000005Z
    mtime-nsec: inside .000000000, outside .000000005

implicit-parent: directories that a layer needs and has no entry for (1 entry)
  The engine made the directory when it unpacked the layer (0755, owned by root, with that moment's time), and it hides the one of the lower layer.
  do: Put entries for all parent directories into the layer: build it with a tool that writes them, or squash it with the layer that has them.
  from: layer 1 (1 entry)
  /made  directory, mode 0755, owner 0:0  [no layer has an entry for it; layer 1 needs it for entry 9]
    because of layer 1 (sha256:222222222222), entry 9

user-xattr: user xattrs (1 entry)
  Layers may have user.* attributes; composefs-rs kept them in images and not in scans until June 2026, and has a switch since.
  do: Leave them out on both sides with --xattrs allowlist, or keep them on both with --xattrs user.
  from: layer 1 (1 entry)
  /su  [layer 1, entry 7]
    xattr user.x: inside none, outside "\x00"

setuid-lost: lost setuid, setgid or sticky bits (1 entry)
  chown removes these bits, and unpacking without privilege does not set them.
  do: Unpack as root with a tool that sets the mode after the owner; chmod after chown in the build.
  from: layer 1 (1 entry)
  /su  [layer 1, entry 7]
    mode: inside 0755, outside 4755

content-change: other content (1 entry)
  The files are not the same.
  do: Build both sides from the same layers: not from a rebuilt stage, and without a cache that may be stale. The same size with other content may be a damaged store.
  /big
    size: inside 65 bytes, outside 66 bytes
    content: inside sha256:DIGEST, outside sha256:DIGEST

unexplained: not explained (2 entries)
  No cause that cfsverify knows fits these.
  do: Look at the entries: where they come from tells which step made them. If a tool did this, please report it.
  /evil\x1b[31m\x0a\xff  symlink to a\x09b, mode 0000, owner 0:0
  /null
    rdev: inside 1:3, outside 1:5

the policy hides 1 entry that differs, for 1 cause

root-metadata: metadata of the root directory (1 entry)
  Few layers have an entry for the root, and engines ignore it or make it up: podman 0555, Docker 0755, with the time of unpacking.
  do: Use a rule that does not look at it: --root usr, as composefs-rs has it by default.
  evidence: no layer has an entry for the root, so every tool makes its own
  /
    mtime: inside 1970-01-01T00:00:00.000000000Z, outside 1970-01-01T00:00:01.000000005Z
    mtime-nsec: inside .000000000, outside .000000005

note: the layer rules composefs-rs refuse outside: tools disagree about this image
  layer 1 (sha256:222222222222), entry 9, made/x: refuses: no layer has the parent
  layer 1 (sha256:222222222222): the whole of it
  x: something else
`

func TestText(t *testing.T) {
	r := sample()
	var buf bytes.Buffer
	if err := Write(&buf, Text, Comparison{r}, Options{}); err != nil {
		t.Fatal(err)
	}
	got := buf.String()
	for _, n := range []*canon.Node{r.Differences[1].A.Node, r.Differences[1].B.Node} {
		got = strings.ReplaceAll(got, n.Content.Digest.String(), "DIGEST")
	}
	for _, d := range []fsverity.Digest{r.A.Digest, r.B.Digest} {
		got = strings.ReplaceAll(got, d.String(), "DIGEST")
	}
	if diff := cmp.Diff(sampleText, got); diff != "" {
		t.Error(diff)
	}
}

// Without colour no escape sequence, with colour only our own.
func TestTextColor(t *testing.T) {
	var plain, colored bytes.Buffer
	if err := Write(&plain, Text, Comparison{sample()}, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := Write(&colored, Text, Comparison{sample()}, Options{Color: true}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") {
		t.Error("plain text holds an escape sequence")
	}
	if !strings.Contains(colored.String(), "\x1b[31;1mDIFFERENT\x1b[") || strings.Contains(colored.String(), "evil\x1b") {
		t.Errorf("coloured text: %q", colored.String())
	}
}

func TestTextLimitsFindings(t *testing.T) {
	a, b := canon.NewTree(), canon.NewTree()
	for c := range 26 {
		b.Root.Put(canon.Dirent{Name: string(rune('a' + c)), Node: &canon.Node{Kind: canon.FIFO}})
	}
	r := &verify.Result{A: verify.Side{Name: "a"}, B: verify.Side{Name: "b", Digest: fsverity.SumBytes(fsverity.SHA256, nil)}, Outcome: verify.Outcome{Differences: compare.Trees(a, b)}}
	r.Findings = blame.Explain(blame.Comparison{A: a, B: b, Differences: r.Differences, Policy: policy.Raw()})
	for _, verbose := range []bool{false, true} {
		var buf bytes.Buffer
		if err := Write(&buf, Text, Comparison{r}, Options{Verbose: verbose}); err != nil {
			t.Fatal(err)
		}
		hasTenth, hasLast := strings.Contains(buf.String(), "\n  /j  FIFO"), strings.Contains(buf.String(), "\n  /z  FIFO")
		if !hasTenth || hasLast != verbose || strings.Contains(buf.String(), "and 16 more") == verbose {
			t.Errorf("verbose %v: %s", verbose, buf.String())
		}
	}
}

func TestJSONFollowsSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	equal := &verify.Result{
		Recipe: recipe.Recipe{Version: 1, Hash: fsverity.SHA256, Policy: policy.ComposefsRS()}, Rules: layer.RulesOCI,
		A: verify.Side{Name: "a", Source: "dir:x", Entries: 1, Digest: fsverity.SumBytes(fsverity.SHA256, nil)},
		B: verify.Side{Name: "b", Source: "dir:y", Entries: 1, Digest: fsverity.SumBytes(fsverity.SHA256, nil)},
	}
	for _, r := range []*verify.Result{
		sample(), equal, gated(), accepted(), ignored(),
		recognised(policy.Prepared{Boot: policy.BootEpoch, Links: policy.LinksKeep}, 2, errors.New("x")),
	} {
		var buf bytes.Buffer
		if err := Write(&buf, JSON, Comparison{r}, Options{}); err != nil {
			t.Fatal(err)
		}
		validate(t, schema, &buf)
	}
	if schema, err = jsonschema.NewCompiler().Compile("prediction.schema.json"); err != nil {
		t.Fatal(err)
	}
	p := prediction()
	// A report always has digests and the hash that made them.
	p.Recipe.Hash, p.Image.Digest = fsverity.SHA256, fsverity.SumBytes(fsverity.SHA256, nil)
	for i := range p.Engines[0].Proof.Effects {
		e := &p.Engines[0].Proof.Effects[i]
		e.DigestA, e.DigestB = p.Image.Digest, p.Image.Digest
	}
	for _, l := range p.Image.Layers {
		l.DiffID = "sha256:" + strings.Repeat("1", 64)
	}
	var buf bytes.Buffer
	if err := Write(&buf, JSON, Prediction{p}, Options{}); err != nil {
		t.Fatal(err)
	}
	validate(t, schema, &buf)
}

func validate(t *testing.T, schema *jsonschema.Schema, document *bytes.Buffer) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Error(err)
	}
}

// Every field that compare knows is in the schema, and no other.
func TestSchemaListsFields(t *testing.T) {
	raw, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Change struct {
				Properties struct {
					Field struct{ Enum []compare.Field }
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	want := []compare.Field{compare.Type, compare.Mode, compare.UID, compare.GID, compare.Mtime, compare.MtimeNsec, compare.Size,
		compare.ContentDigest, compare.Storage, compare.Payload, compare.Target, compare.Rdev, compare.Xattr, compare.Links, compare.Nlink}
	if diff := cmp.Diff(want, schema.Defs.Change.Properties.Field.Enum); diff != "" {
		t.Error(diff)
	}
}

func TestJSONValues(t *testing.T) {
	var buf bytes.Buffer
	if err := Write(&buf, JSON, Comparison{sample()}, Options{}); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Equal       bool
		Differences []struct {
			Path, Status string
			Changes      []struct {
				Field, Xattr string
				A, B         any
			}
			B struct {
				Origin struct {
					Layer, Entry int
					Header       struct{ PAX map[string][]byte }
				}
			}
		}
	}
	if err := json.Unmarshal(buf.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Equal || len(doc.Differences) != 6 {
		t.Fatalf("equal %v, %d differences", doc.Equal, len(doc.Differences))
	}
	if got := doc.Differences[2].Path; got != `/evil\x1b[31m\x0a\xff` {
		t.Errorf("path %q", got)
	}
	su := doc.Differences[5]
	if su.Path != "/su" || su.Status != "changed" || su.B.Origin.Layer != 1 || su.B.Origin.Entry != 7 ||
		string(su.B.Origin.Header.PAX["SCHILY.xattr.user.x"]) != "\x00" {
		t.Errorf("%+v", su)
	}
	if c := su.Changes[1]; c.Field != "xattr" || c.Xattr != "user.x" || c.A != nil || c.B != "AA==" {
		t.Errorf("%+v", c)
	}
}

func TestTimeText(t *testing.T) {
	for _, tt := range []struct {
		time canon.Time
		want string
	}{
		{canon.Time{}, "1970-01-01T00:00:00.000000000Z"},
		{canon.Time{Sec: -1, Nsec: 999999999}, "1969-12-31T23:59:59.999999999Z"},
		{canon.Time{Sec: 253402300800}, "@253402300800.000000000"},
		{canon.Time{Sec: 1, Nsec: 4294967295}, "@1.4294967295"},
	} {
		if got := timeText(tt.time); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.time, got, tt.want)
		}
	}
}
