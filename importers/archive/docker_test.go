package archive_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon"
	"cfsverify/importers/archive"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/reading"
	"cfsverify/testdata/trees"
)

func docker(file, ref string) source.Source {
	return source.Source{Transport: source.DockerArchive, Path: file, Ref: ref}
}

// config is one of layers.
func config(archives ...[]byte) string {
	var diffIDs []string
	for _, a := range archives {
		diffIDs = append(diffIDs, fmt.Sprintf("%q", blobs.Digest(a)))
	}
	return fmt.Sprintf(`{"created":"2023-11-14T22:13:20.000000005Z","os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[%s]}}`, strings.Join(diffIDs, ","))
}

// TestDockerSave: layers lie in files called layer.tar, or are symlinks to those of
// other images, and may be compressed, as docker save has written them.
func TestDockerSave(t *testing.T) {
	base, middle, top := layers.Tar("d etc\nf etc/base =1"), layers.Tar("f etc/middle =2"), layers.Tar("f etc/.wh.base\nf top =3")
	raw := config(base, middle, top)
	configName := blobs.Digest([]byte(raw)).Hex + ".json"
	for name, members := range map[string][]member{
		"the files first": {
			{name: "aa/"}, {name: "aa/VERSION", content: "1.0"}, {name: "aa/layer.tar", content: string(base)},
			{name: "cc/layer.tar", content: string(middle)}, {name: "bb/layer.tar", symlink: "../cc/layer.tar"},
			{name: "dd/layer.tar", content: string(blobs.Gzip(t, top))}, {name: configName, content: raw},
		},
		"the files last": {
			{name: "dd/layer.tar", content: string(blobs.Zstd(t, top))}, {name: configName, content: raw}, {name: "bb/layer.tar", hard: "cc/layer.tar"},
			{name: "cc/layer.tar", content: string(middle)}, {name: "aa/layer.tar", content: string(base)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			manifest := fmt.Sprintf(`[{"Config":%q,"RepoTags":null,"Layers":["aa/layer.tar","bb/layer.tar","dd/layer.tar"]}]`, configName)
			img, err := archive.Docker(docker(writeArchive(t, append(members, member{name: "manifest.json", content: manifest})...), ""), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := reading.Image(t, img)
			if want := trees.Lines("d etc\nf etc/middle =2\nf top =3"); got != want || err != nil {
				t.Errorf("got\n%swant\n%s%v", got, want, err)
			}
			for i, a := range [][]byte{base, middle, top} {
				if l := *img.LayerList()[i]; l != (canon.Layer{Index: i + 1, DiffID: blobs.Digest(a).String()}) {
					t.Errorf("layer %+v", l)
				}
			}
			if string(img.Config) != raw || img.Manifest != nil || img.Artifacts != nil || *img.Created != (canon.Time{Sec: 1700000000, Nsec: 5}) {
				t.Errorf("%+v", img)
			}
			if err := img.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := reading.Image(t, img); err == nil {
				t.Error("the archive is not closed")
			}
		})
	}
}

// TestDockerTags: an image is chosen by any of its names, as docker completes them.
func TestDockerTags(t *testing.T) {
	written := map[name.Tag]v1.Image{}
	for ref, spec := range map[string]string{"debian": "f debian", "registry.example:5000/os/debian:13": "f other"} {
		img, err := mutate.AppendLayers(empty.Image, static.NewLayer(layers.Tar(spec), types.DockerUncompressedLayer))
		if err != nil {
			t.Fatal(err)
		}
		tag, err := name.NewTag(ref)
		if err != nil {
			t.Fatal(err)
		}
		written[tag] = img
	}
	file := filepath.Join(t.TempDir(), "images.tar")
	if err := tarball.MultiWriteToFile(file, written); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{
		"debian": "f debian\n", "debian:latest": "f debian\n", "docker.io/library/debian:latest": "f debian\n", "registry.example:5000/os/debian:13": "f other\n",
	} {
		img, err := archive.Docker(docker(file, ref), nil)
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		if got, err := reading.Image(t, img); got != want || err != nil {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
		if err := img.Close(); err != nil {
			t.Error(err)
		}
	}
	for ref, want := range map[string]string{
		"":               "docker-archive:" + file + ": there are 2 images: name one of ",
		"debian:13":      `docker-archive:` + file + `:debian:13: there is no image "debian:13": there are `,
		"os/debian:13":   "there is no image",
		"debian/Name":    "repository can only contain the characters",
		"debian:trixie@": "tag can only contain the characters",
	} {
		_, err := archive.Docker(docker(file, ref), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", ref, err, want)
		}
		if strings.Contains(want, "there are") && !strings.Contains(err.Error(), "registry.example:5000/os/debian:13") {
			t.Errorf("%q: the error does not list the names: %v", ref, err)
		}
	}
}

// TestDockerErrors: each fault of an archive is named, with the archive.
func TestDockerErrors(t *testing.T) {
	archived := layers.Tar("f a =x")
	whole := config(archived)
	digest := blobs.Digest([]byte(whole)).Hex
	describe := func(config string) string {
		return fmt.Sprintf(`[{"Config":%q,"RepoTags":["a:1"],"Layers":["layer.tar"]}]`, config)
	}
	arm := &v1.Platform{OS: "linux", Architecture: "arm64"}
	for name, c := range map[string]struct {
		manifest string
		configAt string
		config   string
		ref      string
		platform *v1.Platform
		want     string
	}{
		"no JSON":                     {manifest: "[{", want: "manifest.json is not valid: it breaks off at byte 2"},
		"no list":                     {manifest: `{"schemaVersion":2}`, want: "manifest.json is not valid: it cannot be an object"},
		"two lists":                   {manifest: describe("c.json") + describe("d.json"), want: "manifest.json is not valid: invalid character '[' after top-level value"},
		"layers in another case":      {manifest: `[{"Config":"c.json","layers":["layer.tar"]}]`, want: `manifest.json is not valid: member "/0/layers" is "Layers" in another case`},
		"config in another case":      {manifest: `[{"Config":"c.json","Layers":[],"config":"d.json"}]`, want: `manifest.json is not valid: member "/0/config" is "Config" in another case`},
		"tags in another case":        {manifest: `[{"Config":"c.json","Layers":[],"repotags":["a:1"]}]`, want: `manifest.json is not valid: member "/0/repotags" is "RepoTags" in another case`},
		"two configs":                 {manifest: `[{"Config":"c.json","Config":"d.json","Layers":[]}]`, want: `manifest.json is not valid: member "/0/Config" is there twice`},
		"layers twice":                {manifest: `[{"Config":"c.json","Layers":[],"Layers":["layer.tar"]}]`, want: `manifest.json is not valid: member "/0/Layers" is there twice`},
		"a tag of two images":         {manifest: `[{"Config":"c.json","RepoTags":["a:1"]},{"Config":"d.json","RepoTags":["docker.io/library/a:1"]}]`, ref: "a:1", want: `manifest.json has two images "a:1", and readers differ about which counts`},
		"a tag of two stacks":         {manifest: `[{"Config":"c.json","RepoTags":["a"],"Layers":["x"]},{"Config":"c.json","RepoTags":["a"],"Layers":["y"]}]`, ref: "a", want: `manifest.json has two images "a", and readers differ about which counts`},
		"an image twice":              {manifest: `[{"Config":"c.json","RepoTags":["a"],"Layers":["x"]},{"Config":"c.json","RepoTags":["b","a"],"Layers":["x"]}]`, ref: "a", want: "the archive lacks c.json"},
		"no image":                    {manifest: "[]", want: "it holds no image"},
		"no image of the name":        {manifest: "[]", ref: "a", want: `there is no image "a": there are none`},
		"no config":                   {manifest: describe("none.json"), want: "the archive lacks none.json"},
		"config of no JSON":           {manifest: describe("c.json"), configAt: "c.json", config: "x", want: `the config "c.json" is not valid: invalid character 'x' at start of value`},
		"diffIDs in another case":     {manifest: describe("c.json"), configAt: "c.json", config: `{"rootfs":{"diff_ids":[],"Diff_IDs":[]}}`, want: `the config "c.json" is not valid: member "/rootfs/Diff_IDs" is "diff_ids" in another case`},
		"config of other bytes":       {manifest: describe(digest + ".json"), configAt: digest + ".json", config: whole + " ", want: "the config sha256:" + digest + " is not what its digest says: it has " + blobs.Digest([]byte(whole+" ")).String()},
		"the same among blobs":        {manifest: describe("blobs/sha256/" + digest), configAt: "blobs/sha256/" + digest, config: whole + " ", want: "the config sha256:" + digest + " is not what its digest says"},
		"the same with its algorithm": {manifest: describe("sha256:" + digest), configAt: "sha256:" + digest, config: whole + " ", want: "the config sha256:" + digest + " is not what its digest says"},
		"config without diffIDs":      {manifest: describe("c.json"), configAt: "c.json", config: `{"rootfs":{"type":"layers"}}`, want: "there are 1 layers, but the config has 0 diffIDs"},
		"another platform":            {manifest: describe("c.json"), configAt: "c.json", config: whole, platform: arm, want: "the image is for linux/amd64, not for linux/arm64"},
		"too large a manifest":        {manifest: strings.Repeat(" ", 16<<20+1), want: "manifest.json has 16777217 bytes, too many"},
	} {
		t.Run(name, func(t *testing.T) {
			members := []member{{name: "layer.tar", content: string(archived)}, {name: "manifest.json", content: c.manifest}}
			if c.configAt != "" {
				members = append(members, member{name: c.configAt, content: c.config})
			}
			s := docker(writeArchive(t, members...), c.ref)
			if _, err := archive.Docker(s, c.platform); err == nil || !strings.HasPrefix(err.Error(), s.String()+": "+c.want) {
				t.Errorf("error %v\nwant  %v: %s", err, s, c.want)
			}
		})
	}
	layout := writeArchive(t, member{name: "oci-layout"}, member{name: "index.json"})
	if _, err := archive.Docker(docker(layout, ""), nil); err == nil || !strings.Contains(err.Error(), layout+" is no docker archive, as it has no manifest.json") {
		t.Errorf("error %v", err)
	}
	if _, err := archive.Docker(docker(filepath.Join(layout, "x"), ""), nil); err == nil || !strings.HasPrefix(err.Error(), layout+"/x is no docker archive: ") {
		t.Errorf("error %v", err)
	}
}

// TestDockerLayerErrors: the diffIDs of the config are what layers are verified by.
func TestDockerLayerErrors(t *testing.T) {
	stated, other := layers.Tar("f a =x"), layers.Tar("f a =y")
	manifest := member{name: "manifest.json", content: `[{"Config":"config.json","Layers":["layer.tar"]}]`}
	for name, c := range map[string]struct {
		layer []member
		want  string
	}{
		"other archive":      {[]member{{name: "layer.tar", content: string(other)}}, "its diffID should be " + blobs.Digest(stated).String() + " and is " + blobs.Digest(other).String()},
		"other in gzip":      {[]member{{name: "layer.tar", content: string(blobs.Gzip(t, other))}}, "its diffID should be " + blobs.Digest(stated).String()},
		"cut off":            {[]member{{name: "layer.tar", content: string(stated[:700])}}, "its diffID should be " + blobs.Digest(stated).String()},
		"not in the archive": {nil, "the archive lacks layer.tar"},
	} {
		img, err := archive.Docker(docker(writeArchive(t, append(c.layer, manifest, member{name: "config.json", content: config(stated)})...), ""), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reading.Image(t, img); err == nil || !strings.HasPrefix(err.Error(), "layer 1 (") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
		if err := img.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDockerCloses: an archive that is refused is not kept open.
func TestDockerCloses(t *testing.T) {
	file := writeArchive(t, member{name: "manifest.json", content: `[{"Config":"config.json","Layers":[]}]`})
	before := openFiles(t)
	if _, err := archive.Docker(docker(file, ""), nil); err == nil {
		t.Error("an archive without a config was opened")
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open, before there were %d", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
