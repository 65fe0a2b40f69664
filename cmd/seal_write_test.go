package cmd

import (
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// sealedImage is an image with seals in all places.
type sealedImage struct {
	*build
	// source and target are images before and after.
	source, target   string
	manifest, config string // files
	parsed           v1.Manifest
	artifact         v1.Descriptor
	artifactManifest v1.Manifest
}

func writeSealed(t *testing.T) *sealedImage {
	oracle.Root(t)
	oracle.Tool(t, "buildah", "buildah")
	b := newBuild(t)
	s := &sealedImage{build: b, source: "oci:" + filepath.Join(b.dir, "from") + ":latest"}
	b.layout = filepath.Join(b.dir, "sealed")
	s.target = "oci:" + b.layout + ":latest"
	image := layers.Image{Layers: []string{
		"d usr mtime=1000\nf usr/a =" + strings.Repeat("a", 5000) + "\nd boot mtime=3\nf boot/kernel =kernel\nd sysroot mtime=4",
		"d usr mtime=1001\nf usr/.wh.a\nf usr/b =b mtime=1002",
	}}
	if err := image.WriteLayout(filepath.Join(b.dir, "from"), "latest"); err != nil {
		t.Fatal(err)
	}
	addConfigField(t, filepath.Join(b.dir, "from"), "org.example.unknown")
	b.cfsverify(t, statusSame, "seal", "write", "--label", "--annotations", "--artifact", s.source, "-o", s.target)
	var index v1.IndexManifest
	parse := func(file string, doc any) {
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	parse(filepath.Join(b.layout, "index.json"), &index)
	if len(index.Manifests) != 2 {
		t.Fatalf("the index lists %v", index.Manifests)
	}
	s.manifest, s.artifact = s.blob(index.Manifests[0]), index.Manifests[1]
	parse(s.manifest, &s.parsed)
	parse(s.blob(s.artifact), &s.artifactManifest)
	s.config = s.blob(s.parsed.Config)
	return s
}

func (s *sealedImage) blob(d v1.Descriptor) string {
	return filepath.Join(s.layout, "blobs/sha256", d.Digest.Hex)
}

// TestSealsByTools: the digests are those that the tool of fs-verity computes of
// the files.
func TestSealsByTools(t *testing.T) {
	fsverity := oracle.Tool(t, "fsverity", "fsverity")
	s := writeSealed(t)
	sum := func(file string) string {
		return strings.TrimSpace(s.command(fsverity, "digest", "--hash-alg=sha512", "--compact", file))
	}
	mkfs := func(args ...string) string {
		file := filepath.Join(t.TempDir(), "image")
		s.cfsverify(t, statusSame, append(append([]string{"mkfs"}, args...), file)...)
		return sum(file)
	}
	const image, document = ".erofs.v1.fsverity-sha512-12", ".fsverity-sha512-12"
	manifest, config, merged, bootable := sum(s.manifest), sum(s.config), mkfs(s.target), mkfs("--bootable", s.target)
	want := map[string]string{"composefs.merged" + image: merged, "composefs.merged.bootable" + image: bootable}
	if diff := cmp.Diff(want, s.parsed.Annotations); diff != "" {
		t.Errorf("the manifest: want -, got +\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"composefs.config" + document: config}, s.parsed.Config.Annotations); diff != "" {
		t.Errorf("the config: want -, got +\n%s", diff)
	}
	wantEntries := []map[string]string{{"composefs.manifest" + document: manifest}, {"composefs.config" + document: config}}
	for i, layer := range s.parsed.Layers {
		want := map[string]string{"composefs.layer" + image: mkfs("--policy", "raw", "tar:"+s.blob(layer))}
		if diff := cmp.Diff(want, layer.Annotations); diff != "" {
			t.Errorf("layer %d: want -, got +\n%s", i+1, diff)
		}
		wantEntries = append(wantEntries, want)
	}
	wantEntries = append(wantEntries, map[string]string{"composefs.merged" + image: merged}, map[string]string{"composefs.merged.bootable" + image: bootable})
	var got []map[string]string
	for _, layer := range s.artifactManifest.Layers {
		got = append(got, layer.Annotations)
	}
	if diff := cmp.Diff(wantEntries, got); diff != "" {
		t.Errorf("the artifact: want -, got +\n%s", diff)
	}
	data, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), `"Labels":{"containers.composefs.fsverity":"`+merged+`"}`) || !strings.Contains(string(data), `"sign":"\u003c\u0026\u003e"`) {
		t.Errorf("the config is %s", data)
	}
}

// TestSealedInTools: other tools take the image, and carry what is inline.
func TestSealedInTools(t *testing.T) {
	for tool, pkg := range map[string]string{"skopeo": "skopeo", "umoci": "umoci"} {
		oracle.Tool(t, tool, pkg)
	}
	s := writeSealed(t)
	copied := filepath.Join(s.dir, "copied")
	s.command("skopeo", "--insecure-policy", "copy", "--preserve-digests", s.target, "oci:"+copied+":latest")
	var manifest v1.Manifest
	if err := json.Unmarshal([]byte(s.command("skopeo", "inspect", "--raw", "oci:"+copied+":latest")), &manifest); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.parsed, manifest); diff != "" {
		t.Errorf("before (-) and after (+) copying:\n%s", diff)
	}
	var config struct {
		Config struct{ Labels map[string]string }
	}
	if err := json.Unmarshal([]byte(s.command("skopeo", "inspect", "--config", "oci:"+copied+":latest")), &config); err != nil {
		t.Fatal(err)
	}
	merged := s.parsed.Annotations["composefs.merged.erofs.v1.fsverity-sha512-12"]
	if merged == "" || config.Config.Labels["containers.composefs.fsverity"] != merged {
		t.Errorf("the labels are %v, the annotation is %q", config.Config.Labels, merged)
	}
	// Neither tool needs to know what else is in the layout.
	s.command("umoci", "unpack", "--image", s.layout+":latest", filepath.Join(s.dir, "bundle"))
	s.cfsverify(t, statusSame, "inside-vs-outside", filepath.Join(s.dir, "bundle/rootfs"), s.source)
	s.cfsverify(t, statusSame, "inside-vs-outside", s.mounted(s.layout), s.source)
	s.command("umoci", "stat", "--image", s.layout+":latest")
}

// TestSealsInRegistry: a registry lists the artifact as a referrer of the image.
func TestSealsInRegistry(t *testing.T) {
	s := writeSealed(t)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	defer server.Close()
	repo, err := name.NewRepository(strings.TrimPrefix(server.URL, "http://") + "/os")
	if err != nil {
		t.Fatal(err)
	}
	path, err := layout.FromPath(s.layout)
	if err != nil {
		t.Fatal(err)
	}
	image, err := v1.NewHash("sha256:" + filepath.Base(s.manifest))
	if err != nil {
		t.Fatal(err)
	}
	for _, digest := range []v1.Hash{image, s.artifact.Digest} {
		img, err := path.Image(digest)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(repo.Digest(digest.String()), img); err != nil {
			t.Fatal(err)
		}
	}
	referrers, err := remote.Referrers(repo.Digest(image.String()))
	if err != nil {
		t.Fatal(err)
	}
	index, err := referrers.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(index.Manifests) != 1 || index.Manifests[0].Digest != s.artifact.Digest || index.Manifests[0].Size != s.artifact.Size {
		t.Errorf("the referrers are %v", index.Manifests)
	}
	got, err := remote.Image(repo.Digest(s.artifact.Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := got.Manifest()
	if err != nil || manifest.ArtifactType != "application/vnd.composefs.metadata.v1" || manifest.Subject.Digest != image {
		t.Errorf("the artifact is %+v, %v", manifest, err)
	}
	// From there it is sealed as from the layout.
	again := filepath.Join(s.dir, "again")
	s.cfsverify(t, statusSame, "seal", "write", "-q", "--artifact", "docker://"+repo.Digest(image.String()).Name(), "-o", "oci:"+again+":latest")
	if out := s.command("diff", "-r", s.layout, again); out != "" {
		t.Error(out)
	}
}
