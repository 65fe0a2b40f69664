package main

import (
	"bufio"
	"io"
	"os"
	"runtime"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// decompress reads compressed files, as many at a time as there are CPUs, and
// does nothing with what is in them.
func decompress(files []string) error {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, name := range files {
		group.Go(func() error {
			f, err := os.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()
			r := bufio.NewReaderSize(f, 64<<10)
			magic, err := r.Peek(2)
			if err != nil {
				return err
			}
			if magic[0] == 0x1f {
				g, err := gzip.NewReader(r)
				if err == nil {
					_, err = io.Copy(io.Discard, g)
				}
				return err
			}
			z, err := zstd.NewReader(r)
			if err != nil {
				return err
			}
			defer z.Close()
			_, err = io.Copy(io.Discard, z)
			return err
		})
	}
	return group.Wait()
}
