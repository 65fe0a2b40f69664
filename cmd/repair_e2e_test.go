package cmd

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// TestRepair: images of which buildah unpacks something else than their layers
// say are unpacked as their layers say once they are repaired.
func TestRepair(t *testing.T) {
	oracle.Root(t)
	for tool, pkg := range map[string]string{"buildah": "buildah", "skopeo": "skopeo", "umoci": "umoci"} {
		oracle.Tool(t, tool, pkg)
	}
	t.Run("implicit parent", func(t *testing.T) {
		b := newBuild(t)
		b.layout = filepath.Join(b.dir, "layout")
		image := layers.Image{Layers: []string{
			"d usr mtime=1000\nd usr/share mode=711 uid=3 mtime=1001\nf usr/share/old =old mtime=1002",
			"f usr/share/late =late mtime=1003",
		}}
		if err := image.WriteLayout(b.layout, "latest"); err != nil {
			t.Fatal(err)
		}
		checkRepair(t, b)
	})
	t.Run("Debian", func(t *testing.T) {
		if testing.Short() {
			t.Skip("needs a Debian image: not with -short")
		}
		oracle.Tool(t, "mmdebstrap", "mmdebstrap")
		b := newBuild(t)
		b.debianOfTwoLayers()
		checkRepair(t, b)
	})
}

// debianOfTwoLayers makes an image whose upper layer has no entry for a
// directory that is in the lower one, replaces and removes files, and has markers
// of both kinds.
func (b *build) debianOfTwoLayers() {
	upper := filepath.Join(b.dir, "upper")
	for name, content := range map[string]string{
		"usr/share/doc/late/README": "late", "etc/issue": "replaced", "usr/share/common-licenses/new": "new",
		"usr/share/man/.wh..wh..opq": "", "usr/share/man/new/page": "page", "usr/share/doc/.wh.dpkg": "", "etc/.wh.debian_version": "",
		"opt/deep/er/file": strings.Repeat("x", 1000), "usr/share/common-licenses/.wh..wh..opq": "",
	} {
		file := filepath.Join(upper, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	script := `set -e
		cd "$1"
		gzip -nc "$2" >1.tar.gz
		(cd upper && find . -type f | sort -r | tar --no-recursion --owner=0 --group=0 --mtime=2026-03-01T12:00:00Z -T - -czf ../2.tar.gz)`
	b.command("sh", "-c", script, "sh", b.dir, oracle.Debian(b.t))
	b.layout = filepath.Join(b.dir, "layout")
	if err := mklayout([]string{b.layout, "latest", filepath.Join(b.dir, "1.tar.gz"), filepath.Join(b.dir, "2.tar.gz")}); err != nil {
		b.t.Fatal(err)
	}
	// A config and annotations such as builds make.
	b.command("umoci", "config", "--image", b.layout+":latest", "--config.entrypoint", "/bin/true", "--config.label", "sealed=true",
		"--manifest.annotation", "org.example.kept=yes", "--author", "somebody", "--os", "linux", "--architecture", "amd64")
	addConfigField(b.t, b.layout, "org.example.unknown")
}

// mounted unpacks an image with buildah and returns where.
func (b *build) mounted(layout string) string {
	b.t.Helper()
	return b.mount("oci:" + layout + ":latest")
}

func checkRepair(t *testing.T, b *build) {
	source, repaired := "oci:"+b.layout+":latest", filepath.Join(b.dir, "repaired")
	target := "oci:" + repaired + ":latest"
	b.cfsverify(t, statusDifferent, "inside-vs-outside", b.mounted(b.layout), source)
	digest := b.cfsverify(t, statusSame, "digest", source)

	report := b.cfsverify(t, statusSame, "repair", source, "-o", target)
	if !strings.Contains(report, strings.TrimSpace(digest)+", as before") || strings.Count(report, "nothing will differ") != 2 {
		t.Errorf("the report is\n%s", report)
	}
	root := b.mounted(repaired)
	b.cfsverify(t, statusSame, "inside-vs-outside", root, target)
	if got := b.cfsverify(t, statusSame, "digest", root); got != digest {
		t.Errorf("the digest inside is %s, outside it was %s", got, digest)
	}
	b.command("umoci", "unpack", "--image", repaired+":latest", filepath.Join(b.dir, "bundle"))
	b.cfsverify(t, statusSame, "inside-vs-outside", filepath.Join(b.dir, "bundle/rootfs"), target)

	if diff := cmp.Diff(inspected(t, b, source), inspected(t, b, target)); diff != "" {
		t.Errorf("the config before (-) and after (+):\n%s", diff)
	}
	copied := filepath.Join(b.dir, "copied")
	b.command("skopeo", "--insecure-policy", "copy", target, "oci:"+copied+":latest")
	b.cfsverify(t, statusSame, "inside-vs-outside", root, "oci:"+copied+":latest")
	b.command("umoci", "stat", "--image", copied+":latest")
}

// inspected is what skopeo reads of manifest and config, but for what the layers
// are.
func inspected(t *testing.T, b *build, image string) map[string]any {
	t.Helper()
	all := map[string]any{}
	for name, args := range map[string][]string{"config": {"--config"}, "manifest": {}} {
		var doc map[string]any
		out := b.command("skopeo", append([]string{"inspect", "--raw"}, append(args, image)...)...)
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		all[name] = doc
	}
	config, manifest := all["config"].(map[string]any), all["manifest"].(map[string]any)
	ids := config["rootfs"].(map[string]any)
	if layers := manifest["layers"].([]any); len(layers) != 2 || len(ids["diff_ids"].([]any)) != 2 {
		t.Errorf("%s: layers %v, rootfs %v", image, layers, ids)
	}
	for _, layer := range manifest["layers"].([]any) {
		delete(layer.(map[string]any), "digest")
		delete(layer.(map[string]any), "size")
	}
	delete(ids, "diff_ids")
	delete(manifest, "config")
	return all
}

// addConfigField gives the only image of a layout a config field that nobody
// knows.
func addConfigField(t *testing.T, layout, field string) {
	t.Helper()
	read := func(name string) map[string]any {
		data, err := os.ReadFile(filepath.Join(layout, name))
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		return doc
	}
	blob := func(d any) string {
		return "blobs/sha256/" + strings.TrimPrefix(d.(map[string]any)["digest"].(string), "sha256:")
	}
	put := func(doc map[string]any, d any) {
		data, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		desc := d.(map[string]any)
		desc["digest"], desc["size"] = fmt.Sprintf("sha256:%x", sha256.Sum256(data)), len(data)
		if err := os.WriteFile(filepath.Join(layout, blob(d)), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	index := read("index.json")
	list := index["manifests"].([]any)
	desc := list[len(list)-1]
	manifest := read(blob(desc))
	config := read(blob(manifest["config"]))
	config[field] = map[string]any{"deep": []int{1, 2}, "sign": "<&>"}
	put(config, manifest["config"])
	put(manifest, desc)
	index["manifests"] = []any{desc}
	data, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(layout, "index.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
}
