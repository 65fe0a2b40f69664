package importers_test

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/importers"
	"cfsverify/testdata/files"
)

// TestCheck: what is wrong with one of several sources is told without a look into any
// pipe, and with standard input or a content store before all.
func TestCheck(t *testing.T) {
	t.Chdir(t.TempDir())
	files.Write(t, "x.dump", []byte("/ 0 40755 2 0 0 0 0.0 - - -\n"))
	files.Write(t, "layout/index.json", nil)
	files.Write(t, "layout/blobs/x", nil)
	if err := unix.Mkfifo("pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	labelled := importers.Options{Labels: true, LabelStore: "missing"}
	for args, c := range map[string]struct {
		options importers.Options
		want    string
	}{
		"":                                 {},
		"dump:missing":                     {}, // Who reads it, says so.
		"dir:layout":                       {},
		"dump:pipe dump:x.dump":            {},
		"docker://none/x tar:pipe":         {},
		"dump:- dump:x.dump":               {},
		"tar:-,pipe":                       {},
		"dump:pipe dump:missing":           {importers.Options{}, "dump:missing: stat missing: no such file or directory"},
		"oci:missing:1 dump:pipe":          {importers.Options{}, "oci:missing:1: stat missing: no such file or directory"},
		"tar:pipe,missing":                 {importers.Options{}, "tar:pipe,missing: stat missing: no such file or directory"},
		"dump:pipe dir:layout":             {importers.Options{}, "dir:layout: it is an OCI layout: write oci:layout"},
		"tar:-,- dump:x.dump":              {importers.Options{}, "standard input (-) can be read only once"},
		"dump:- tar:-":                     {importers.Options{}, "standard input (-) can be read only once"},
		"dump:pipe":                        {labelled, "the content store: stat missing: no such file or directory"},
		"dir:layout tar:pipe":              {labelled, "dir:layout: it is an OCI layout"},
		"tar:pipe":                         {labelled, ""},
		"erofs:pipe":                       {importers.Options{Labels: true, LabelStore: "x.dump"}, `the content store "x.dump" is no directory`},
		"erofs:pipe dump:x.dump":           {importers.Options{Labels: true, LabelStore: filepath.Join("layout", "blobs")}, ""},
		"dump:pipe dump:x.dump erofs:pipe": {importers.Options{LabelStore: "missing"}, ""},
	} {
		var sources []importers.Source
		for _, arg := range strings.Fields(args) {
			s, err := importers.ParseSource(arg)
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, s)
		}
		if err := importers.Check(c.options, sources...); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %s", args, err, c.want)
		}
	}
}
