package composefs_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/importers/composefs"
	"cfsverify/importers/source"
)

const recordedDump = "/ 0 40755 2 0 0 0 1.2 - - -\n"

// recorded is what is known of a dump file with this record beside it.
func recorded(t *testing.T, record string) *policy.Policy {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.dump")
	for name, content := range map[string]string{file: recordedDump, composefs.RecordName(file): record} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return policyOf(t, file)
}

// policyOf is what a record says. One that says nothing is told, if it is a file.
func policyOf(t *testing.T, file string) *policy.Policy {
	t.Helper()
	read, err := composefs.Load(source.Source{Transport: source.Dump, Path: file}, composefs.Options{Hash: fsverity.SHA512})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(composefs.RecordName(file))
	isFile := err == nil && info.Mode().IsRegular()
	var told *composefs.RecordError
	if errors.As(read.RecordErr, &told) != (isFile && read.Written == nil) {
		t.Errorf("%+v, record %v: %v", read.Written, isFile, read.RecordErr)
	}
	return read.Written
}

func digestOf(dump string) string {
	sum := sha256.New()
	sum.Write([]byte(dump))
	return composefs.Digest(sum)
}

// text is the record of a dump file.
func text(t *testing.T, dump string, record *composefs.Record) string {
	t.Helper()
	var out bytes.Buffer
	record.Dump = digestOf(dump)
	if err := record.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRecord(t *testing.T) {
	boot := policy.ComposefsRS()
	boot.Boot, boot.Links = policy.BootEpoch, policy.LinksLastLabel
	want := text(t, recordedDump, composefs.NewRecord(source.Source{Transport: source.OCI}, "oci", boot, nil))
	const form = `{
  "schemaVersion": 1,
  "dump": "sha256:DIGEST",
  "source": "oci",
  "layerRules": "oci",
  "policy": {
    "root": "usr",
    "dirMtime": "keep",
    "run": "empty",
    "xattrs": "allowlist",
    "mtime": "ns",
    "boot": "0",
    "hardlinks": "last-label"
  }
}
`
	// Of sha256sum.
	if form := strings.Replace(form, "DIGEST", "078e26a5f8a608155eff0ce691f4791f48a5c52150ae4c95f193bf0dbbf34458", 1); form != want {
		t.Errorf("%s, want %s", want, form)
	}
	if got := recorded(t, want); got == nil || *got != boot {
		t.Errorf("%+v", got)
	}
	for name, record := range map[string]string{
		"another file":    text(t, recordedDump+"/a 0 40755 2 0 0 0 1.2 - - -\n", composefs.NewRecord(source.Source{Transport: source.Dir}, "", boot, nil)),
		"another version": strings.Replace(want, `"schemaVersion": 1`, `"schemaVersion": 2`, 1),
		"another word":    strings.Replace(want, `"usr"`, `"best"`, 1),
		"no record":       "root = usr\n",
		"nothing":         "",
	} {
		if got := recorded(t, record); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestNoRecord: what is beside a dump file need not be a file, and other files have none.
func TestNoRecord(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.dump")
	if err := os.WriteFile(file, []byte(recordedDump), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := policyOf(t, file); got != nil {
		t.Errorf("%+v", got)
	}
	if err := unix.Mkfifo(composefs.RecordName(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := policyOf(t, file); got != nil {
		t.Errorf("%+v", got)
	}
}

// TestNewRecord: what was done to a dump file before counts too, and if nobody knows it
// there is no record.
func TestNewRecord(t *testing.T) {
	before := policy.ComposefsRS()
	for _, tt := range []struct {
		source source.Transport
		before *policy.Policy
		want   *policy.Policy
		rules  string
	}{
		{source.Dir, nil, new(policy.Issue34()), ""},
		{source.Tar, nil, new(policy.Issue34()), "oci"},
		{source.Dump, nil, nil, ""},
		{source.Erofs, nil, nil, ""},
		{source.Dump, &before, new(policy.Issue34().After(before)), ""},
	} {
		r := composefs.NewRecord(source.Source{Transport: tt.source}, "oci", policy.Issue34(), tt.before)
		if (r == nil) != (tt.want == nil) || r != nil && (r.Policy != tt.want.Words() || r.LayerRules != tt.rules || r.Source != tt.source) {
			t.Errorf("%s: %+v", tt.source, r)
		}
	}
}
