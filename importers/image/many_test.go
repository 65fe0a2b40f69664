package image_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"

	"cfsverify/canon"
	"cfsverify/importers/blob"
	"cfsverify/importers/image"
	"cfsverify/importers/limits"
	"cfsverify/testdata/layers"
)

// TestManyEntries reads a layer of 100,000 files, or as many as
// CFSVERIFY_ENTRIES says, that is nowhere stored.
func TestManyEntries(t *testing.T) {
	files := 100_000
	if s := os.Getenv("CFSVERIFY_ENTRIES"); s != "" {
		var err error
		if files, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	const perDirectory = 1000
	open := func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			out := bufio.NewWriterSize(w, 1<<20)
			var err error
			write := func(spec string) {
				if err == nil {
					_, err = out.Write(layers.Tar(spec)[:512])
				}
			}
			for i := range files {
				if i%perDirectory == 0 {
					write(fmt.Sprintf("d dir%05d", i/perDirectory))
				}
				write(fmt.Sprintf("f dir%05d/file%07d", i/perDirectory, i))
			}
			_, endErr := out.Write(make([]byte, 1024))
			for _, e := range []error{endErr, out.Flush()} {
				if err == nil {
					err = e
				}
			}
			w.CloseWithError(err)
		}()
		return r, nil
	}
	img := &image.Image{Blobs: []blob.Blob{{Layer: &canon.Layer{Index: 1, Name: "1.tar"}, Size: -1, Open: open}}}
	got, err := merged(t, img, limits.Default())
	if err != nil {
		t.Fatal(err)
	}
	dirs, names := 0, 0
	for _, e := range got.Tree.Root.Children() {
		dirs++
		names += len(e.Node.Children())
	}
	if want := (files + perDirectory - 1) / perDirectory; dirs != want || names != files {
		t.Errorf("%d directories of %d files, want %d of %d", dirs, names, want, files)
	}
}
