package layer

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/layers"
)

// manyEntries is an archive of n files in a tree of directories.
func manyEntries(n int, attributes string) []byte {
	var spec strings.Builder
	spec.WriteString("d usr\nd usr/share\n")
	for i := range n {
		if i%100 == 0 {
			fmt.Fprintf(&spec, "d usr/share/directory-%04d\n", i/100)
		}
		fmt.Fprintf(&spec, "f usr/share/directory-%04d/file-%06d mtime=%d =%0*d %s\n", i/100, i, i, 40+i%60, i, attributes)
	}
	return layers.Tar(spec.String())
}

func BenchmarkReadLayer(b *testing.B) {
	for name, attributes := range map[string]string{"ustar": "", "pax": "pax:mtime=1.5"} {
		b.Run(name, func(b *testing.B) {
			archive := manyEntries(50000, attributes)
			b.SetBytes(int64(len(archive)))
			for b.Loop() {
				if _, err := readTar(archive, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	layers := layersOf(b, "d usr")
	l, err := readTar(manyEntries(50000, ""), 2)
	if err != nil {
		b.Fatal(err)
	}
	layers = append(layers, l)
	var tree *canon.Tree
	b.Run("oci", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if tree, err = Apply(layers, RulesOCI); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("other", func(b *testing.B) {
		for b.Loop() {
			if other, _, err := otherOf(layers, RulesOCI, tree); err != nil || other != nil {
				b.Fatal(err, other)
			}
		}
	})
}

// TestEntriesAreSmall: large images have hundreds of thousands of entries.
func TestEntriesAreSmall(t *testing.T) {
	const n = 20000
	archive := manyEntries(n, "")
	heap := func() int64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before := heap()
	l, err := Read(t.Context(), bytes.NewReader(archive), &canon.Layer{Index: 1}, nil, ReadOptions{Hash: fsverity.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	// Beside the name and up to 64 bytes of content.
	size := (heap()-before)/n - 48 - 64
	if size > 250 {
		t.Errorf("%d bytes an entry", size)
	}
	t.Logf("%d bytes an entry", size)
	runtime.KeepAlive(l)
	runtime.KeepAlive(archive)
}
