// Package mutants makes OCI layouts and composefs images that are almost right: what
// programs write, with something changed that an attacker or a broken tool would change.
// They are for tests that ask another program what it makes of them; which of them is
// right is not said here. The same seed gives the same mutant.
package mutants

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"cfsverify/testdata/layers"
)

// Layout is an OCI layout with one image.
type Layout struct {
	// Files are by their names in the layout.
	Files map[string][]byte
	// Changes say what was done to it.
	Changes []string
}

// accepted has a bit for each of the first seeds of layers.RandomVaried: those of which cfsctl
// 0.9.4 takes the image.
const accepted = "\xfe\x9d\x37\xfa\x99\xad\x1c\x18\x9b\xc4\xe3\x81\x07\xe6\x71\xd6\xdd\xd3\x8a\xa7\xd8\x8a\x7d\x47\x6e\xd9\xa7\x9f\x6c\x5f\x4a\xb7" +
	"\x3e\x6c\x86\xdb\x0c\xea\x09\x14\x6a\xdf\xd9\xe0\xe5\xde\xef\xb9\x6c\xe7\x86\x16\xf5\x2d\x59\x9a\x3a\xee\x4f\xf2\x7a\x0a\xa3\x78"

// NewLayout makes the mutant of a seed: one of layers.RandomVaried, with a few changes
// to tar archives, their compression, and documents. Digests, sizes and diffIDs are those
// of what was written, unless a change is about them.
func NewLayout(seed uint64) *Layout {
	m := &maker{Rand: rand.New(rand.NewPCG(21, seed)), layout: &Layout{Files: map[string][]byte{}}}
	base := seed / 4 % (8 * uint64(len(accepted)))
	for accepted[base/8]>>(base%8)&1 == 0 {
		base = (base + 1) % (8 * uint64(len(accepted)))
	}
	image := layers.RandomVaried(base)
	archives := make([]*archive, len(image.Layers))
	for i, spec := range image.Layers {
		archives[i] = parseArchive(layers.Tar(spec))
	}
	// Most changes are to archives, which have most to be changed.
	stored, documents := 0, 0
	for changes := 1; changes > 0 || m.IntN(3) == 0; changes-- {
		switch m.IntN(10) {
		case 0:
			stored++
		case 1, 2:
			documents++
		default:
			i := m.IntN(len(archives))
			m.note("layer %d: %s", i+1, m.changeArchive(archives[i]))
		}
	}
	m.write(archives, stored, documents)
	return m.layout
}

// Write writes the layout to a directory, which is made.
func (l *Layout) Write(dir string) error {
	for name, data := range l.Files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

type maker struct {
	*rand.Rand
	layout *Layout
}

func (m *maker) note(format string, args ...any) {
	m.layout.Changes = append(m.layout.Changes, fmt.Sprintf(format, args...))
}

func (m *maker) pick(from ...string) string { return from[m.IntN(len(from))] }

// blob adds one, and gives its digest.
func (m *maker) blob(data []byte) string {
	hex := fmt.Sprintf("%x", sha256.Sum256(data))
	m.layout.Files["blobs/sha256/"+hex] = data
	return "sha256:" + hex
}

type object = map[string]any

func descriptor(mediaType, digest string, size int) object {
	return object{"mediaType": mediaType, "digest": digest, "size": size}
}

// write stores all layers, and writes the documents.
func (m *maker) write(archives []*archive, stored, documents int) {
	var descriptors, diffIDs []any
	wrong := m.IntN(len(archives))
	for i, a := range archives {
		data := a.bytes()
		diffIDs = append(diffIDs, fmt.Sprintf("sha256:%x", sha256.Sum256(data)))
		compression := m.IntN(3)
		blob, mediaType := compress(data, compression), layerTypes[compression]
		if i == wrong {
			for range stored {
				var what string
				blob, what = m.changeStored(data, blob, compression)
				m.note("layer %d: %s", i+1, what)
			}
		}
		descriptors = append(descriptors, descriptor(mediaType, m.blob(blob), len(blob)))
	}
	d := documentMaker{maker: m, left: documents}
	config := d.json("config", object{"os": "linux", "architecture": "amd64", "created": "2026-01-02T03:04:05Z", "config": object{},
		"rootfs": object{"type": "layers", "diff_ids": diffIDs}})
	manifest := d.json("manifest", object{"schemaVersion": 2, "mediaType": manifestType,
		"config": descriptor(configType, m.blob(config), len(config)), "layers": descriptors})
	entry := descriptor(manifestType, m.blob(manifest), len(manifest))
	entry["annotations"] = object{"org.opencontainers.image.ref.name": "t"}
	d.last = true
	m.layout.Files["index.json"] = d.json("index", object{"schemaVersion": 2, "mediaType": indexType, "manifests": []any{entry}})
	m.layout.Files["oci-layout"] = []byte(`{"imageLayoutVersion":"1.0.0"}`)
}

const (
	configType   = "application/vnd.oci.image.config.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
)

func marshal(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return data
}
