// Command generate writes the example that README shows: an image of two
// layers, and the dump file of what a build saw of it.
//
//	go run ./testdata/example DIR
package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate DIR")
		os.Exit(2)
	}
	if err := generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(2)
	}
}

// built is when the base was built, later the layer on top of it.
var (
	built = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	later = built.Add(36 * time.Hour)
)

func generate(dir string) error {
	base, err := layer([]tar.Header{
		{Typeflag: tar.TypeDir, Name: "./etc/", Mode: 0o755, ModTime: built},
		{Typeflag: tar.TypeReg, Name: "./etc/os-release", Mode: 0o644, ModTime: built},
		{Typeflag: tar.TypeReg, Name: "./etc/motd", Mode: 0o644, ModTime: built},
		{Typeflag: tar.TypeDir, Name: "./run/", Mode: 0o755, ModTime: built},
		{Typeflag: tar.TypeDir, Name: "./usr/", Mode: 0o755, ModTime: built},
		{Typeflag: tar.TypeDir, Name: "./usr/bin/", Mode: 0o755, ModTime: built},
		{Typeflag: tar.TypeReg, Name: "./usr/bin/su", Mode: 0o4755, ModTime: built},
		{Typeflag: tar.TypeLink, Name: "./usr/bin/sulogin", Linkname: "./usr/bin/su", Mode: 0o4755, ModTime: built},
		{Typeflag: tar.TypeDir, Name: "./usr/share/", Mode: 0o711, Uid: 3, ModTime: built},
		{Typeflag: tar.TypeSymlink, Name: "./bin", Linkname: "usr/bin", Mode: 0o777, ModTime: built},
	})
	if err != nil {
		return err
	}
	// This layer has no entry for ./usr/share: whoever unpacks it makes one up.
	top, err := layer([]tar.Header{
		{Typeflag: tar.TypeReg, Name: "./etc/.wh.motd", ModTime: later},
		{Typeflag: tar.TypeReg, Name: "./usr/share/late", Mode: 0o644, ModTime: later},
	})
	if err != nil {
		return err
	}
	if err := writeImage(filepath.Join(dir, "image"), base, top); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "inside.dump"), []byte(insideDump), 0o644)
}

// insideDump is what a directory scan sees after buildah 1.28 unpacked the
// image: /usr/share is the directory that it made up for the upper layer.
const insideDump = `/ 0 40755 5 0 0 0 1772366400.0 - - -
/bin 7 120777 1 0 0 0 1772366400.0 usr/bin - -
/etc 0 40755 2 0 0 0 1772366400.0 - - -
/etc/os-release 21 100644 1 0 0 0 1772366400.0 - content\x20of\x20os-release -
/run 0 40755 2 0 0 0 1772366400.0 - - -
/usr 0 40755 4 0 0 0 1772366400.0 - - -
/usr/bin 0 40755 2 0 0 0 1772366400.0 - - -
/usr/bin/su 13 104755 2 0 0 0 1772366400.0 - content\x20of\x20su -
/usr/bin/sulogin 13 @104755 2 0 0 0 1772366400.0 /usr/bin/su - -
/usr/share 0 40755 2 0 0 0 1777000000.123456789 - - -
/usr/share/late 15 100644 1 0 0 0 1772496000.0 - content\x20of\x20late -
`

func layer(headers []tar.Header) (v1.Layer, error) {
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	tw := tar.NewWriter(gz)
	for _, h := range headers {
		var content string
		if h.Typeflag == tar.TypeReg && h.Mode != 0 {
			content = "content of " + filepath.Base(h.Name)
		}
		h.Size = int64(len(content))
		h.Format = tar.FormatUSTAR
		if err := tw.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(tw, content); err != nil {
			return nil, err
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	if err := gz.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}

func writeImage(dir string, layers ...v1.Layer) error {
	img := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
	img, err := mutate.AppendLayers(img, layers...)
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	config.OS, config.Architecture = "linux", "amd64"
	config.Created = v1.Time{Time: later}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	out, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return out.AppendImage(img, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "latest"}))
}
