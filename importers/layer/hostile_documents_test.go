package layer_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// otherImage is what some readers take in place of the image of a layoutMaker.
type otherImage struct {
	archive                  []byte
	layer, diffID, configDoc string
	config, manifest         string // their descriptors
}

func (m *layoutMaker) other(t *testing.T) otherImage {
	t.Helper()
	archive := layers.Tar("d usr\nf other")
	digest := m.blob(t, archive)
	o := otherImage{archive: archive, diffID: fmt.Sprintf("%q", digest), layer: string(blobs.JSON(t, blobs.Descriptor(types.OCIUncompressedLayer, digest, len(archive))))}
	o.configDoc = `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[` + o.diffID + `]}}`
	o.config = string(blobs.JSON(t, blobs.Descriptor(types.OCIConfigJSON, m.blob(t, []byte(o.configDoc)), len(o.configDoc))))
	manifest := `{"schemaVersion":2,"config":` + o.config + `,"layers":[` + o.layer + `]}`
	o.manifest = string(blobs.JSON(t, blobs.Descriptor(types.OCIManifestSchema1, m.blob(t, []byte(manifest)), len(manifest))))
	return o
}

// appendMembers adds members to an object.
func appendMembers(members string) func(string) string {
	return func(doc string) string { return strings.TrimSuffix(doc, "}") + "," + members + "}" }
}

func replace(old, with string) func(string) string {
	return func(doc string) string { return strings.Replace(doc, old, with, 1) }
}

const (
	first   = "the image"
	second  = "the other image"
	refuses = "refused"
)

// hostileDocuments are those that readers do not agree on, which are cfsctl and skopeo as
// they were measured. Where a tool is empty it does not read such a source.
var hostileDocuments = []struct {
	rule           string
	transport      source.Transport
	change         func(t *testing.T, m *layoutMaker, o otherImage)
	cfsctl, skopeo string
	refused        string
}{
	{"unknown-member", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.index, m.edits.config = appendMembers(`"x":{"Manifests":1}`), appendMembers(`"x":{"rootfs":1,"RootFS":2}`)
		m.edits.manifest = appendMembers(`"x":[{"layers":1,"LAYERS":2}]`)
	}, first, first, ""},
	{"member-case", source.OCI, func(_ *testing.T, m *layoutMaker, o otherImage) {
		m.edits.index = appendMembers(`"Manifests":[` + o.manifest + `]`)
	}, first, second, `index.json is not valid: member "/Manifests" is "manifests" in another case`},
	{"member-case", source.OCI, func(_ *testing.T, m *layoutMaker, o otherImage) {
		m.edits.manifest = appendMembers(`"Layers":[` + o.layer + `],"Config":` + o.config)
	}, first, second, `is not valid: member "/Layers" is "layers" in another case`},
	{"member-case", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.manifest = replace(`"layers":`, `"Layers":`)
	}, refuses, first, `is not valid: member "/Layers" is "layers" in another case`},
	{"member-case", source.OCI, func(_ *testing.T, m *layoutMaker, o otherImage) {
		m.edits.manifest = replace(`"digest":"`+blobs.Digest(m.stored).String()+`"`, `"digest":"`+blobs.Digest(m.stored).String()+`","Digest":`+o.diffID)
	}, first, second, `is not valid: member "/layers/0/Digest" is "digest" in another case`},
	{"member-case", source.OCI, func(_ *testing.T, m *layoutMaker, o otherImage) {
		m.edits.config = replace(`"rootfs":{`, `"rootfs":{"Diff_ids":[`+o.diffID+`],`)
	}, first, first, `is not valid: member "/rootfs/Diff_ids" is "diff_ids" in another case`},
	{"member-case", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.config = appendMembers(`"config":{"labels":{"containers.composefs.fsverity":""}}`)
	}, first, first, `is not valid: member "/config/labels" is "Labels" in another case`},
	{"member-twice", source.OCI, func(_ *testing.T, m *layoutMaker, o otherImage) {
		m.edits.index = appendMembers(`"manifests":[` + o.manifest + `]`)
	}, refuses, second, `index.json is not valid: member "/manifests" is there twice`},
	{"member-twice", source.OCI, func(_ *testing.T, m *layoutMaker, o otherImage) {
		m.edits.manifest = appendMembers(`"layers":[` + o.layer + `],"config":` + o.config)
	}, refuses, second, `is not valid: member "/layers" is there twice`},
	{"member-twice", source.OCI, func(_ *testing.T, m *layoutMaker, o otherImage) {
		m.edits.config = replace(`"diff_ids":`, `"diff_ids":[`+o.diffID+`],"diff_ids":`)
	}, refuses, first, `is not valid: member "/rootfs/diff_ids" is there twice`},
	{"member-twice", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.config = appendMembers(`"config":{"Labels":{"containers.composefs.fsverity":"a","containers.composefs.fsverity":"b"}}`)
	}, first, first, `is not valid: member "/config/Labels/containers.composefs.fsverity" is there twice`},
	{"member-twice", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.manifest = appendMembers(`"x":{"y":1,"y":2}`)
	}, first, first, `is not valid: member "/x/y" is there twice`},
	{"two-kinds", source.OCI, func(_ *testing.T, m *layoutMaker, o otherImage) {
		m.edits.manifest = appendMembers(`"manifests":[` + o.manifest + `]`)
	}, first, refuses, `is not valid: member "/manifests" does not belong to an image manifest`},
	{"two-kinds", source.OCI, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.finish(t)
		both := `{"schemaVersion":2,"config":` + o.config + `,"layers":[` + o.layer + `],"manifests":` + string(blobs.JSON(t, m.index["manifests"])) + `}`
		m.index["manifests"] = []any{blobs.Descriptor(types.OCIImageIndex, m.blob(t, []byte(both)), len(both))}
	}, first, refuses, `is not valid: member "/config" does not belong to an image index`},
	{"two-kinds", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.manifest = replace(`"schemaVersion":2`, `"schemaVersion":1`)
	}, first, first, `is not valid: member "/schemaVersion" is 1, which is not of an image manifest`},
	{"media-type-own", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.manifest = replace(string(types.OCIManifestSchema1), string(types.OCIImageIndex))
	}, first, first, `is not valid: member "/mediaType" is "application/vnd.oci.image.index.v1+json", while what leads to the document says "application/vnd.oci.image.manifest.v1+json"`},
	{"media-type-own", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.manifest = replace(string(types.OCIManifestSchema1), string(types.DockerManifestSchema2))
	}, first, first, `is not valid: member "/mediaType" is "application/vnd.docker.distribution.manifest.v2+json", while what leads to the document`},
	{"media-type-own", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.index = replace(string(types.OCIImageIndex), string(types.OCIManifestSchema1))
	}, first, first, `index.json is not valid: member "/mediaType" is "application/vnd.oci.image.manifest.v1+json", which is not of an image index`},
	{"json-malformed", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.manifest = func(doc string) string { return doc + "{}" }
	}, refuses, refuses, "is not valid: invalid character '{' after top-level value, at byte "},
	{"json-malformed", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.manifest = appendMembers("\"annotations\":{\"x\":\"\xff\"}")
	}, refuses, first, "is not valid: invalid UTF-8, at byte "},
	{"json-malformed", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.manifest = appendMembers(`"annotations":{"x":"\ud800"}`)
	}, refuses, first, "is not valid: invalid surrogate pair"},
	{"json-malformed", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.manifest = appendMembers("\"x\":\"\xff\"")
	}, first, first, "is not valid: invalid UTF-8, at byte "},
	{"json-malformed", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.config = appendMembers(`"x":"\ud800"`)
	}, first, first, "is not valid: invalid surrogate pair"},
	{"json-malformed", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.index = func(doc string) string { return "\ufeff" + doc }
	}, refuses, refuses, `index.json is not valid: invalid character '\ufeff'`},
	{"json-limits", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.manifest = appendMembers(`"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000))
	}, first, refuses, "is not valid: exceeded max depth, at byte "},
	{"json-limits", source.OCI, func(_ *testing.T, m *layoutMaker, _ otherImage) {
		m.edits.config = appendMembers(`"x":[` + strings.Repeat("0,", 1<<19) + `0]`)
	}, first, first, "is not valid: it has more than 524288 values"},
	{"attached-first", source.OCI, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.nest(t, o, []string{attached, native}, []string{native})
	}, second, second, " before the image "},
	{"attached-first", source.OCI, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.nest(t, o, []string{attached}, []string{native})
	}, second, first, "readers differ about which one counts"},
	{"attached-first", source.OCI, func(t *testing.T, m *layoutMaker, o otherImage) { m.nest(t, o, []string{attached}, nil) }, second, second, "readers differ about which one counts"},
	{"attached-first", source.OCI, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.nest(t, o, []string{`"artifactType":"application/x"`, native}, []string{native})
	}, second, second, "readers differ about which one counts"},
	{"attached-for-nobody", source.OCI, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.nest(t, o, []string{attached, `"platform":{"os":"unknown","architecture":"unknown"}`}, []string{native})
	}, first, first, ""},
	{"tag-twice", source.OCI, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.list(t, o, []string{tagged, foreign}, []string{tagged, native})
	}, first, second, "readers differ about which one counts"},
	{"tag-twice", source.OCI, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.list(t, o, []string{tagged, native, `"artifactType":"application/x"`}, []string{tagged, native})
	}, second, second, "readers differ about which one counts"},
	{"tag-twice", source.OCI, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.list(t, o, []string{tagged, foreign}, []string{`"annotations":{"io.containerd.image.name":"1"}`, native})
	}, refuses, second, "readers differ about which one counts"},
	{"archive-name-twice", source.OCIArchive, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.pack(t, member{"index.json", `{"schemaVersion":2,"manifests":[` + o.manifest + `]}`})
	}, "", second, `("index.json") have one name, and tools differ about which counts`},
	{"archive-name-twice", source.OCIArchive, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.pack(t, member{"/index.json", `{"schemaVersion":2,"manifests":[` + o.manifest + `]}`})
	}, "", second, `("index.json") and entry 9 ("/index.json") have one name, and tools differ about which counts`},
	{"archive-name-twice", source.OCIArchive, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.pack(t, member{"./blobs/../index.json", `{"schemaVersion":2,"manifests":[` + o.manifest + `]}`})
	}, "", second, `("index.json") and entry 9 ("./blobs/../index.json") have one name`},
	{"archive-name-twice", source.DockerArchive, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.packDocker(t, o, "manifest.json")
	}, "", first, `entry 3 ("manifest.json") and entry 6 ("manifest.json") have one name, and tools differ about which counts`},
	{"archive-name-twice", source.DockerArchive, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.packDocker(t, o, "./manifest.json")
	}, "", first, `entry 3 ("manifest.json") and entry 6 ("./manifest.json") have one name, and tools differ about which counts`},
	{"archive-below-link", source.OCIArchive, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.pack(t, member{"x", "->."}, member{"x/index.json", `{"schemaVersion":2,"manifests":[` + o.manifest + `]}`})
	}, "", second, `("x/index.json") is below entry 9 ("x"), which is no directory`},
	{"archive-tag-twice", source.DockerArchive, func(t *testing.T, m *layoutMaker, o otherImage) {
		m.packDocker(t, o, "")
	}, "", first, `manifest.json has two images "a:1", and readers differ about which counts`},
}

// Members of descriptors: attached is for what is about images, tagged and the others for a
// tag and platforms.
const (
	attached = `"annotations":{"vnd.docker.reference.type":"attestation-manifest"}`
	tagged   = `"annotations":{"org.opencontainers.image.ref.name":"1"}`
	native   = `"platform":{"os":"linux","architecture":"` + runtime.GOARCH + `"}`
	foreign  = `"platform":{"os":"linux","architecture":"s390x"}`
)

// list has the index list the other image before the image, each with more members, and the
// source name a tag.
func (m *layoutMaker) list(t *testing.T, o otherImage, other, image []string) {
	t.Helper()
	m.finish(t)
	m.tag = "1"
	described := string(blobs.JSON(t, m.index["manifests"].([]any)[0]))
	m.index["manifests"] = []any{
		json.RawMessage(appendMembers(strings.Join(other, ","))(o.manifest)), json.RawMessage(appendMembers(strings.Join(append(image, `"x":0`), ","))(described)),
	}
}

// nest has an index that is the only image do so.
func (m *layoutMaker) nest(t *testing.T, o otherImage, other, image []string) {
	t.Helper()
	m.list(t, o, other, image)
	m.tag = ""
	nested := blobs.JSON(t, m.index)
	m.index["manifests"] = []any{blobs.Descriptor(types.OCIImageIndex, m.blob(t, nested), len(nested))}
}

// member is an entry of an archive: a file, or a symlink with "->".
type member struct{ name, content string }

// pack writes the layout as an archive, in place of it, and more behind it.
func (m *layoutMaker) pack(t *testing.T, more ...member) {
	t.Helper()
	m.finish(t)
	var all []member
	for _, pattern := range []string{"oci-layout", "index.json", "blobs/sha256/*"} {
		found, err := filepath.Glob(filepath.Join(m.dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, member{strings.TrimPrefix(file, m.dir+"/"), string(content)})
		}
	}
	m.writeArchive(t, append(all, more...))
}

// packDocker writes an archive of both images as docker save does, in which a name has
// the second image, or, if it is empty, one manifest.json has both under one tag.
func (m *layoutMaker) packDocker(t *testing.T, o otherImage, name string) {
	t.Helper()
	config := string(blobs.JSON(t, m.config))
	describe := func(n int) string {
		return fmt.Sprintf(`{"Config":"%d.json","RepoTags":["a:1"],"Layers":["%d.tar"]}`, n, n)
	}
	one, other := "["+describe(1)+"]", "["+describe(2)+"]"
	if name == "" {
		one = "[" + describe(1) + "," + describe(2) + "]"
	}
	all := []member{{"1.json", config}, {"1.tar", string(m.archive)}, {"manifest.json", one}, {"2.json", o.configDoc}, {"2.tar", string(o.archive)}}
	if name != "" {
		all = append(all, member{name, other})
	}
	m.writeArchive(t, all)
}

func (m *layoutMaker) archiveFile() string { return filepath.Join(m.dir, "image.tar") }

func (m *layoutMaker) writeArchive(t *testing.T, all []member) {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range all {
		h := &tar.Header{Name: e.name, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(e.content))}
		target, link := strings.CutPrefix(e.content, "->")
		if link {
			h.Typeflag, h.Linkname, h.Size, e.content = tar.TypeSymlink, target, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	m.write(t, "image.tar", out.Bytes())
}

// source is what a case has written, after it was changed.
func (m *layoutMaker) source(t *testing.T, transport source.Transport) source.Source {
	t.Helper()
	s := source.Source{Transport: transport, Path: m.archiveFile()}
	switch transport {
	case source.OCI:
		m.finish(t)
		s.Path, s.Ref = m.dir, m.tag
	case source.DockerArchive:
		s.Ref = "a:1"
	}
	return s
}

func TestHostileDocuments(t *testing.T) {
	for i, c := range hostileDocuments {
		t.Run(fmt.Sprintf("%s/%d", c.rule, i), func(t *testing.T) {
			m := newLayoutMaker(t)
			c.change(t, m, m.other(t))
			got, err := importers.Load(t.Context(), m.source(t, c.transport), importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Limits: limits.Default()})
			switch {
			case c.refused != "":
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("error %v\nwant  %s", err, c.refused)
				}
			case err != nil:
				t.Error(err)
			case got.Tree.Lookup("/a/b") == nil:
				t.Error("the tree lacks /a/b")
			}
		})
	}
}

// TestHostileDocumentsElsewhere: what cfsctl and skopeo take such images for.
func TestHostileDocumentsElsewhere(t *testing.T) {
	skopeo, cfsctl := oracle.Tool(t, "skopeo", "skopeo"), oracle.Cfsctl(t)
	for i, c := range hostileDocuments {
		t.Run(fmt.Sprintf("%s/%d", c.rule, i), func(t *testing.T) {
			m := newLayoutMaker(t)
			o := m.other(t)
			c.change(t, m, o)
			s := m.source(t, c.transport)
			if got := skopeoTakes(t, skopeo, s, m, o); got != c.skopeo {
				t.Errorf("skopeo: %s, want %s", got, c.skopeo)
			}
			if c.cfsctl == "" {
				return
			}
			if got := cfsctlTakes(t, cfsctl, s); got != c.cfsctl {
				t.Errorf("cfsctl: %s, want %s", got, c.cfsctl)
			}
		})
	}
}

func skopeoTakes(t *testing.T, skopeo string, s source.Source, m *layoutMaker, o otherImage) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command(skopeo, "--insecure-policy", "copy", s.Name(), "dir:"+dir).CombinedOutput(); err != nil {
		t.Logf("skopeo: %s", out)
		return refuses
	}
	for name, layers := range map[string][][]byte{first: {m.stored, m.archive}, second: {o.archive}} {
		for _, l := range layers {
			if _, err := os.Stat(filepath.Join(dir, blobs.Digest(l).Hex)); err == nil {
				return name
			}
		}
	}
	return "neither"
}

func cfsctlTakes(t *testing.T, cfsctl string, s source.Source) string {
	t.Helper()
	repo := filepath.Join(t.TempDir(), "repository")
	run := func(args ...string) (string, error) {
		out, err := exec.Command(cfsctl, append([]string{"--repo", repo}, args...)...).CombinedOutput()
		return string(out), err
	}
	if out, err := run("init", "--insecure", "--algorithm", "fsverity-sha256-12"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := run("oci", "pull", s.String(), "image")
	if err == nil {
		out, err = run("oci", "dump", "image")
	}
	switch {
	case err != nil:
		t.Logf("cfsctl: %s", out)
		return refuses
	case strings.Contains(out, "/a/b "):
		return first
	case strings.Contains(out, "/other "):
		return second
	}
	return "neither"
}
