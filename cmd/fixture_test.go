package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"cfsverify/testdata/layers"
	"cfsverify/testdata/uki"
)

// fixture makes a command for scripts of a function.
func fixture(run func(args []string) error) func() {
	return func() {
		if err := run(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", err)
			os.Exit(2)
		}
	}
}

// mklayer OUT SPEC writes the layer that a file describes in the language of
// layers.Tar. OUT ends in .tar, .tar.gz or .tar.zst.
func mklayer(args []string) error {
	spec, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	compressed, err := compressor(args[0], &buf)
	if err != nil {
		return err
	}
	if _, err := compressed.Write(layers.Tar(string(spec))); err != nil {
		return err
	}
	if err := compressed.Close(); err != nil {
		return err
	}
	return os.WriteFile(args[0], buf.Bytes(), 0o644)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func compressor(name string, w io.Writer) (io.WriteCloser, error) {
	switch filepath.Ext(name) {
	case ".gz":
		return gzip.NewWriter(w), nil
	case ".zst":
		return zstd.NewWriter(w)
	}
	return nopCloser{w}, nil
}

// imageOf makes an image of layer files.
func imageOf(files []string) (v1.Image, error) {
	img := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
	for _, file := range files {
		// An archive that is not compressed comes out as gzip.
		mediaType := types.OCILayer
		if filepath.Ext(file) == ".zst" {
			mediaType = types.OCILayerZStd
		}
		layer, err := tarball.LayerFromFile(file, tarball.WithMediaType(mediaType))
		if err != nil {
			return nil, err
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			return nil, err
		}
	}
	return mutate.CreatedAt(img, v1.Time{Time: time.Unix(1700000000, 0)})
}

// mklayout DIR TAG[=OS/ARCH] LAYER… adds an image to an OCI layout.
func mklayout(args []string) error {
	img, err := imageOf(args[2:])
	if err != nil {
		return err
	}
	dir, err := layout.FromPath(args[0])
	if err != nil {
		if dir, err = layout.Write(args[0], empty.Index); err != nil {
			return err
		}
	}
	tag, platform, found := strings.Cut(args[1], "=")
	options := []layout.Option{layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})}
	if found {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			return err
		}
		options = append(options, layout.WithPlatform(*p))
	}
	return dir.AppendImage(img, options...)
}

// mkdockerarchive FILE NAME:TAG LAYER… writes what docker save writes.
func mkdockerarchive(args []string) error {
	img, err := imageOf(args[2:])
	if err != nil {
		return err
	}
	tag, err := name.NewTag(args[1])
	if err != nil {
		return err
	}
	return tarball.WriteToFile(args[0], tag, img)
}

// mkuki OUT [SECTION=]FILE… writes a unified kernel image with sections, of command lines
// if it is not said, whose content is in files. An OUT named like an addon has no kernel.
func mkuki(args []string) error {
	var sections [][2]string
	if !strings.HasSuffix(args[0], ".addon.efi") {
		sections = append(sections, [2]string{".linux", "kernel"})
	}
	for _, arg := range args[1:] {
		section, name, named := strings.Cut(arg, "=")
		if !named {
			section, name = ".cmdline", arg
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		sections = append(sections, [2]string{section, string(content)})
	}
	return os.WriteFile(args[0], uki.File(sections...), 0o644)
}

// mkcertificate FILE writes a certificate of nobody.
func mkcertificate(args []string) error {
	_, certificate, err := newSigner("nobody")
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], certificate, 0o644)
}

// ocifield LAYOUT PATH… prints what stands in the index of an OCI layout: names and
// numbers lead down, @ to the blob of a descriptor.
func ocifield(args []string) error {
	at, err := readJSON(filepath.Join(args[0], "index.json"))
	if err != nil {
		return err
	}
	for i, step := range args[1:] {
		fields, _ := at.(map[string]any)
		list, _ := at.([]any)
		n, err := strconv.Atoi(step)
		switch {
		case step == "@":
			algorithm, hex, _ := strings.Cut(fmt.Sprint(fields["digest"]), ":")
			if at, err = readJSON(filepath.Join(args[0], "blobs", algorithm, hex)); err != nil {
				return err
			}
		case err == nil && n < len(list):
			at = list[n]
		case fields[step] != nil:
			at = fields[step]
		default:
			return fmt.Errorf("there is no %q", args[1:i+2])
		}
	}
	if text, ok := at.(string); ok {
		_, err = fmt.Println(text)
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(at)
}

func readJSON(name string) (doc any, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return doc, json.Unmarshal(data, &doc)
}

// corrupt FILE OLD NEW replaces bytes of a file, which must be there.
func corrupt(args []string) error {
	content, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	if !bytes.Contains(content, []byte(args[1])) {
		return fmt.Errorf("%s does not hold %q", args[0], args[1])
	}
	return os.WriteFile(args[0], bytes.ReplaceAll(content, []byte(args[1]), []byte(args[2])), 0o644)
}
