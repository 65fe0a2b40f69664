package erofs

import (
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// largeTree has n files of a hundred kinds of labels, a thousand in each
// directory; every tenth has two names.
func largeTree(n int) *canon.Tree {
	t := canon.NewTree()
	var dir *canon.Node
	for i := range n {
		if i%1000 == 0 {
			dir = &canon.Node{Kind: canon.Directory, Perm: 0o755, Mtime: canon.Time{Sec: int64(i)}}
			t.Root.Put(canon.Dirent{Name: fmt.Sprintf("d%07d", i), Node: dir})
		}
		var sum [32]byte
		binary.LittleEndian.PutUint64(sum[:], uint64(i))
		d, err := fsverity.NewDigest(fsverity.SHA256, sum[:])
		if err != nil {
			panic(err)
		}
		f := &canon.Node{
			Kind: canon.Regular, Perm: 0o644, Size: 100, Content: canon.External(d), Mtime: canon.Time{Sec: int64(i)},
			Xattrs: canon.Xattrs{{Name: "security.selinux", Value: fmt.Sprintf("label%d", i%100)}},
		}
		dir.Put(canon.Dirent{Name: fmt.Sprintf("f%07d", i), Node: f})
		if i%10 == 0 {
			dir.Put(canon.Dirent{Name: fmt.Sprintf("g%07d", i), Node: f})
		}
	}
	t.CountLinks()
	return t
}

// BenchmarkLargeTree tells the peak of what the writer holds for each of the
// million files.
func BenchmarkLargeTree(b *testing.B) {
	const files = 1_000_000
	tree := largeTree(files)
	for _, version := range []Version{V0, V1, V2} {
		b.Run(fmt.Sprintf("V%d", version), func(b *testing.B) {
			peak := uint64(0)
			for b.Loop() {
				peak = max(peak, heapGrowth(func() {
					if err := Write(io.Discard, tree, Options{Version: version}); err != nil {
						b.Fatal(err)
					}
				}))
			}
			b.ReportMetric(float64(peak)/files, "peak-B/file")
		})
	}
	runtime.KeepAlive(tree)
}

// heapGrowth is the most that the heap grew beyond what it had while do ran,
// as sampled every few milliseconds; it counts garbage not yet collected.
func heapGrowth(do func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, m.HeapAlloc
	done, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
	}()
	do()
	close(done)
	<-stopped
	return peak - before
}
