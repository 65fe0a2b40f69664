package releases_test

import (
	"slices"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/releases"
	"cfsverify/canon/seal"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/testdata/bootc"
)

// rows are the releases of the programs in testdata/bootc/expected.tsv.
var rows = map[string]string{
	"cfsctl-e900848": "bootc 1.12.0 to 1.12.1",
	"cfsctl-2203e8f": "bootc 1.14.0 to 1.15.2",
	"cfsctl-e277075": "bootc 1.16.0 to 1.16.2",
	"cfsctl-679a342": "bootc 1.16.3",
	"cfsctl-a29622c": "bootc 1.16.4 and later",
	"bootc-1.16.9":   "bootc 1.16.4 and later",
	"cfsctl-0.9.0":   "composefs-rs 0.9.0 to 0.9.2",
	"cfsctl-0.9.4":   "composefs-rs 0.9.3 and later",
}

// TestTable: the recipes of releases that are marked as measured give the digests that the
// programs gave.
func TestTable(t *testing.T) {
	table, forms := bootc.Table(t)
	measured := map[string]bool{}
	for _, m := range table {
		read, err := importers.Load(t.Context(), forms[m.Form], importers.Options{Hash: m.Digest.Algorithm(), Rules: layer.RulesComposefsRS, Labels: true})
		if err != nil {
			t.Fatal(err)
		}
		var makers []string
		for _, r := range releases.Makers(read.Tree, read.Created, m.Form == "oci", m.Digest) {
			makers = append(makers, r.String())
		}
		if !slices.Contains(makers, rows[m.Program]) {
			t.Errorf("%s, %s: made by %q, want %s", m.Program, m.Form, makers, rows[m.Program])
		}
		measured[rows[m.Program]] = true
	}
	for _, r := range releases.Table() {
		if measured[r.String()] != r.Measured {
			t.Errorf("%s: measured here: %v, by the table: %v", &r, measured[r.String()], r.Measured)
		}
	}
}

// TestJudge: what bootc's check says of command lines, in repositories of both versions, as
// it was run on images with them.
func TestJudge(t *testing.T) {
	digests := map[string]fsverity.Digest{}
	for _, name := range []string{"V1", "V2", "other"} {
		digests[name] = fsverity.SumBytes(fsverity.SHA512, []byte(name))
	}
	replace := strings.NewReplacer("V1", digests["V1"].String(), "V2", digests["V2"].String(), "OTHER", digests["other"].String(), "CAPITALS", strings.ToUpper(digests["V1"].String()))
	for _, tt := range []struct {
		cmdline          string
		today, v2, older bool
		rs               bool
	}{
		{"composefs=V1", true, false, false, true},
		{"composefs.digest=v1-sha512-12:V1", true, false, false, true},
		{"composefs=V2", false, true, true, false},
		{"composefs=V2 composefs.digest=v1-sha512-12:V1", true, false, true, true},
		{"composefs=OTHER", false, false, false, false},
		{"composefs=OTHER composefs.digest=v1-sha512-12:V1", true, false, false, true},
		{"composefs.digest=v1-sha512-12:OTHER composefs=V1", false, false, false, true},
		{"composefs.digest=v1-sha256-12:" + fsverity.SumBytes(fsverity.SHA256, nil).String() + " composefs=V1", true, false, false, true},
		{"composefs.digest=odd composefs=V1", false, false, false, true},
		{"composefs=CAPITALS", true, false, false, false},
		{"composefs=CAPITALS composefs.digest=v1-sha512-12:V1", true, false, false, true},
		{"quiet", false, false, false, false},
	} {
		arguments := seal.Kargs(replace.Replace(tt.cmdline), seal.CmdlineMax)
		for name, want := range map[string]bool{"bootc": tt.today, "bootc-v2": tt.v2, "bootc@1.16.2": tt.older, "composefs-rs": tt.rs} {
			c, err := releases.ParseConsumer(name)
			if err != nil {
				t.Fatal(err)
			}
			digest := digests["V1"]
			if name == "bootc-v2" || name == "bootc@1.16.2" {
				digest = digests["V2"]
			}
			v := c.Judge(arguments, digest)
			if v.Accepted != want {
				t.Errorf("%s: %s: %+v, want accepted: %v", tt.cmdline, name, v, want)
			}
			if unknown := name != "composefs-rs" && !strings.Contains(tt.cmdline, "composefs="); v.Unknown != unknown {
				t.Errorf("%s: %s: %+v, want unknown: %v", tt.cmdline, name, v, unknown)
			}
		}
	}
}

// TestCmdline: what several consumers take.
func TestCmdline(t *testing.T) {
	v1, v2 := fsverity.SumBytes(fsverity.SHA512, []byte("1")), fsverity.SumBytes(fsverity.SHA512, []byte("2"))
	of := map[string]fsverity.Digest{"bootc": v1, "bootc-v2": v2, "composefs-rs": v1, "bootc@1.16.2": v2, "bootc@1.16.3": v2, "composefs-rs@0.7.0": v2}
	for names, want := range map[string]string{
		"bootc":                              "composefs=" + v1.String(),
		"bootc-v2":                           "composefs=" + v2.String(),
		"composefs-rs":                       "composefs.digest=v1-sha512-12:" + v1.String(),
		"composefs-rs@0.7.0":                 "composefs=" + v2.String(),
		"bootc composefs-rs":                 "composefs=" + v1.String(),
		"bootc bootc-v2":                     "",
		"bootc bootc@1.16.2":                 "composefs=" + v2.String() + " composefs.digest=v1-sha512-12:" + v1.String(),
		"bootc bootc@1.16.3":                 "",
		"bootc-v2 bootc@1.16.2 bootc@1.16.3": "composefs=" + v2.String(),
		"bootc-v2 composefs-rs":              "",
	} {
		var consumers []releases.Consumer
		var digests []fsverity.Digest
		for _, name := range strings.Fields(names) {
			c, err := releases.ParseConsumer(name)
			if err != nil {
				t.Fatal(err)
			}
			consumers, digests = append(consumers, c), append(digests, of[name])
		}
		got, err := releases.Cmdline(consumers, digests)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v, want %q", names, got, err, want)
		}
	}
}

func TestParseConsumer(t *testing.T) {
	for name, want := range map[string]string{
		"bootc":              "new installations by bootc 1.16.4 and later",
		"bootc@1.16.9":       "new installations by bootc 1.16.4 and later",
		"bootc@1.17":         "new installations by bootc 1.16.4 and later",
		"bootc@1.16.3":       "systems of bootc 1.16.3",
		"bootc@1.15":         "systems of bootc 1.14.0 to 1.15.2",
		"bootc@1.12.1":       "systems of bootc 1.12.0 to 1.12.1",
		"bootc-v2":           "installations by bootc before 1.16.4, whose repository stays version 2 when they are upgraded",
		"bootc-v2@1.16.3":    "systems of bootc 1.16.3",
		"composefs-rs@0.9.1": "systems that composefs-rs 0.9.0 to 0.9.2 boots",
		"bootc@1.6":          "",
		"bootc@":             "",
		"bootc@x":            "",
		"bootc@1.-2":         "",
		"composefs-rs@0.8.0": "",
		"grub":               "",
		"":                   "",
	} {
		c, err := releases.ParseConsumer(name)
		if c.About != want || (err != nil) != (want == "") || err == nil && c.Name != name {
			t.Errorf("%s: %+v, %v, want %q", name, c, err, want)
		}
	}
	if all := releases.Consumers(); len(all) != 3 || all[0].Name != "bootc" || all[1].Name != "bootc-v2" || all[2].Name != "composefs-rs" {
		t.Errorf("%+v", all)
	}
}

// TestWith: releases are named by their recipe, whichever image it is for.
func TestWith(t *testing.T) {
	names := func(r recipe.Recipe) string {
		var names []string
		for _, release := range releases.With(r) {
			names = append(names, release.String())
		}
		return strings.Join(names, ", ")
	}
	for _, release := range releases.Table() {
		for _, r := range []recipe.Recipe{release.Directory, release.Layers} {
			r.Policy.Created, r.Policy.Labelled = &canon.Time{}, true
			if r.Hash == 0 {
				r.Hash = fsverity.SHA256
			}
			if got := names(r); !strings.Contains(got, release.String()) {
				t.Errorf("%s: %s", &release, got)
			}
		}
	}
	if got := names(recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA512, Policy: policy.ComposefsRS()}); got != "" {
		t.Errorf("not for booting: %s", got)
	}
}
