package importers_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"cfsverify/canon/dumpfile"
	"cfsverify/canon/erofs"
	"cfsverify/importers"
	"cfsverify/importers/limits"
	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
)

// TestMetadataIsMemory: a source that takes so much memory, with a second copy of its tree
// as a policy needs it, is refused under a limit of as much, whatever it is made of.
func TestMetadataIsMemory(t *testing.T) {
	const many = 20_000
	lines := func(n int, format string) string {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, format+"\n", i)
		}
		return text.String()
	}
	xattrs := func(n int) string {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, " pax:SCHILY.xattr.user.%x=", i)
		}
		return text.String()
	}
	var few []string
	for i := range 200 {
		few = append(few, fmt.Sprintf("d usr\nf usr/%d\nf usr/x%d", i, i)+"\n"+lines(100, "f usr/%d"))
	}
	for name, specs := range map[string][]string{
		"entries":                   {"d usr\n" + lines(many, "f usr/%d")},
		"long names":                {"d usr\n" + lines(many, "f x pax:path=usr/%0250d")},
		"directories without entry": {lines(many/10, "f %d/a/b/c/d/e/f/g/h/i")},
		"symlinks":                  {lines(many, "l %d ->x")},
		"long targets":              {lines(many/10, "l %d pax:linkpath="+strings.Repeat("x", 4000))},
		"hardlinks":                 {"f a\n" + lines(many, "h h%d ->a")},
		"whiteouts":                 {"d usr", "d usr\n" + lines(many, "f usr/.wh.%d")},
		"xattrs":                    {lines(10, "f %d"+xattrs(10_000))},
		"PAX records":               {lines(10, "f %d"+strings.ReplaceAll(xattrs(10_000), "SCHILY.xattr.", ""))},
		"layers":                    few,
	} {
		t.Run(name, func(t *testing.T) {
			var sources []string
			for i, spec := range specs {
				sources = append(sources, filepath.Join(t.TempDir(), fmt.Sprint(i)))
				files.Write(t, sources[i], layers.Tar(spec))
			}
			source := importers.Source{Transport: importers.Tar, Layers: sources}
			checkMemory(t, source)
			read, err := importers.Load(t.Context(), source, options())
			if err != nil {
				t.Fatal(err)
			}
			dump, image := filepath.Join(t.TempDir(), "dump"), filepath.Join(t.TempDir(), "image")
			var text, bytes bytes.Buffer
			if err := errors.Join(dumpfile.Write(&text, read.Tree), erofs.Write(&bytes, read.Tree, erofs.Options{Version: erofs.V1})); err != nil {
				t.Skip("such a tree has no image: ", err)
			}
			files.Write(t, dump, text.Bytes())
			files.Write(t, image, bytes.Bytes())
			read = nil
			checkMemory(t, importers.Source{Transport: importers.Dump, Path: dump})
			checkMemory(t, importers.Source{Transport: importers.Erofs, Path: image})
		})
	}
}

// checkMemory reads a source, measures what that takes, and reads it again under a limit.
func checkMemory(t *testing.T, source importers.Source) {
	t.Helper()
	heap := func() int64 {
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		return int64(memory.HeapAlloc)
	}
	o := options()
	o.Headers = true
	before := heap()
	read, err := importers.Load(t.Context(), source, o)
	if err != nil {
		t.Fatal(err)
	}
	copied := read.Tree.Clone()
	takes := heap() - before
	runtime.KeepAlive(read)
	runtime.KeepAlive(copied)
	if takes < 1<<20 {
		// A tree of next to nothing: markers leave no names.
		return
	}
	o.Limits = limits.Limits{Metadata: takes}
	var over *limits.LimitError
	if _, err := importers.Load(t.Context(), source, o); !errors.As(err, &over) || over.Limit != limits.MetadataLimit {
		t.Errorf("%v: it takes %d bytes of memory, and is read under a limit of as many: %v", source.Transport, takes, err)
	}
}
