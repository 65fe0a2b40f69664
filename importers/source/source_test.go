package source

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/files"
)

func TestParseSource(t *testing.T) {
	t.Chdir(t.TempDir())
	const digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123"
	files.Write(t, "layout/oci-layout", nil)
	files.Write(t, "layout/index.json", nil)
	files.Write(t, "no-layout/oci-layout", nil)
	files.Write(t, "root/etc/passwd", nil)
	files.Write(t, "with:colon/oci-layout", nil)
	files.Write(t, "x.dump", []byte("/ 0 40755 2 0 0 0 0.0 - - -\n"))
	files.Write(t, "x.gz", []byte{0x1f, 0x8b, 8})
	files.Write(t, "x.zst", []byte{0x28, 0xb5, 0x2f, 0xfd})
	files.Write(t, "x.txt", []byte("hello"))
	files.Write(t, "empty", nil)
	files.Write(t, "layer.tar", tarOf(t, "etc/group", "etc/passwd"))
	files.Write(t, "save.tar", tarOf(t, digest[7:]+".json", "manifest.json", digest[7:]+"/layer.tar"))
	files.Write(t, "oci.tar", tarOf(t, "index.json", "oci-layout"))

	for _, tt := range []struct {
		arg  string
		want Source
	}{
		{"root", Source{Transport: Dir, Path: "root"}},
		{"dir:root", Source{Transport: Dir, Path: "root"}},
		{"dir:oci:odd", Source{Transport: Dir, Path: "oci:odd"}},
		{"no-layout", Source{Transport: Dir, Path: "no-layout"}},
		{"layout", Source{Transport: OCI, Path: "layout"}},
		{"oci:layout", Source{Transport: OCI, Path: "layout"}},
		{"oci:layout:1.0", Source{Transport: OCI, Path: "layout", Ref: "1.0"}},
		{"oci:layout:localhost/a:1.0", Source{Transport: OCI, Path: "layout", Ref: "localhost/a:1.0"}},
		{"oci:layout@" + digest, Source{Transport: OCI, Path: "layout", Ref: digest}},
		{"oci:layout:1.0@" + digest, Source{Transport: OCI, Path: "layout", Ref: digest}},
		{"oci:with:colon", Source{Transport: OCI, Path: "with:colon"}},
		{"oci:with:colon:tag", Source{Transport: OCI, Path: "with:colon", Ref: "tag"}},
		{"oci:absent:tag", Source{Transport: OCI, Path: "absent", Ref: "tag"}},
		{"oci-archive:oci.tar:tag", Source{Transport: OCIArchive, Path: "oci.tar", Ref: "tag"}},
		{"docker-archive:save.tar:name:tag", Source{Transport: DockerArchive, Path: "save.tar", Ref: "name:tag"}},
		{"docker://host:5000/name:tag", Source{Transport: Docker, Ref: "host:5000/name:tag"}},
		{"containers-storage:root", Source{Transport: ContainersStorage, Ref: "root"}},
		{"containers-storage:localhost/a:1@" + digest, Source{Transport: ContainersStorage, Ref: "localhost/a:1@" + digest}},
		{"containers-storage:[overlay@/a+/b:imagestore=/c,d]@" + digest[7:], Source{Transport: ContainersStorage, Path: "overlay@/a+/b:imagestore=/c,d", Ref: "@" + digest[7:]}},
		{"unpacked:docker-overlay2:[/d]a:1", Source{Transport: Unpacked, Storage: DockerOverlay2, Path: "/d", Ref: "a:1"}},
		{"unpacked:containers-storage:a:1", Source{Transport: Unpacked, Storage: ContainersStorage, Ref: "a:1"}},
		{"unpacked:containers-storage:[overlay@/a]a", Source{Transport: Unpacked, Storage: ContainersStorage, Path: "overlay@/a", Ref: "a"}},
		{"docker-overlay2:x:1", Source{Transport: DockerOverlay2, Ref: "x:1"}},
		{"docker-overlay2:[/var/lib/docker]x:1", Source{Transport: DockerOverlay2, Path: "/var/lib/docker", Ref: "x:1"}},
		{"containers-storage:[/a]x]", Source{Transport: ContainersStorage, Path: "/a", Ref: "x]"}},
		{"tar:a,b.gz", Source{Transport: Tar, Layers: []string{"a", "b.gz"}}},
		{"dump:-", Source{Transport: Dump, Path: "-"}},
		{"-", Source{Transport: Dump, Path: "-"}},
		{"x.dump", Source{Transport: Dump, Path: "x.dump"}},
		{"x.gz", Source{Transport: Tar, Layers: []string{"x.gz"}}},
		{"x.zst", Source{Transport: Tar, Layers: []string{"x.zst"}}},
		{"layer.tar", Source{Transport: Tar, Layers: []string{"layer.tar"}}},
		{"save.tar", Source{Transport: DockerArchive, Path: "save.tar"}},
		{"oci.tar", Source{Transport: OCIArchive, Path: "oci.tar"}},
	} {
		got, err := Parse(tt.arg)
		if err != nil {
			t.Errorf("%s: %v", tt.arg, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.arg, diff)
		}
		again, err := Parse(got.String())
		if err != nil || cmp.Diff(got, again) != "" {
			t.Errorf("%s: written as %s, which reads as %+v, %v", tt.arg, got, again, err)
		}
	}

	for _, tt := range []struct{ arg, want string }{
		{"", "empty"},
		{"absent", "docker://absent"},
		{"/absent", "/absent: no such file or directory"},
		{"ocl:layout", `"ocl" is no transport`},
		{"layout:latest", "did you mean oci:layout:latest"},
		{"docker:name", "docker://REGISTRY/NAME:TAG"},
		{"docker://", "docker://REGISTRY/NAME:TAG"},
		{"tar:a,,b", "no file name"},
		{"unpacked:", "name or ID of an image is missing"},
		{"unpacked:containers-storage:", "name or ID of an image is missing"},
		{"containers-storage:", "name or ID of an image is missing"},
		{"containers-storage:[overlay@/a]", "name or ID of an image is missing"},
		{"containers-storage:[overlay@/a", "write a store as containers-storage:[overlay@GRAPHROOT]NAME"},
		{"docker-overlay2:[]a", "write a store as docker-overlay2:[DATAROOT]NAME"},
		{"containers-storage:[]a", "write a store as containers-storage:[overlay@GRAPHROOT]NAME"},
		{"oci:", "path is missing"},
		{"x.txt", "say what it is"},
		{"empty", "say what it is"},
		{"/dev/null", "no regular file"},
	} {
		if got, err := Parse(tt.arg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %+v, error %v, want one with %q", tt.arg, got, err, tt.want)
		}
	}
}

// TestParsePaths: the tag begins at the first colon behind which there is no path.
func TestParsePaths(t *testing.T) {
	t.Chdir(t.TempDir())
	files.Write(t, "a:b", nil)
	files.Write(t, "c@sha256:1", nil)
	const digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123"
	for _, c := range []struct{ arg, path, ref string }{
		{"oci:a:b", "a:b", ""},
		{"oci:a:b:c", "a:b", "c"},
		{"oci:a:b:c:d", "a:b", "c:d"},
		{"oci:a:c", "a", "c"},
		{"oci:a:b@" + digest, "a:b", digest},
		{"oci:a:b:c@" + digest, "a:b", digest},
		{"oci:c@sha256:1", "c@sha256:1", ""},
		{"oci-archive:x:y:z", "x", "y:z"},
		{"docker-archive:x:y@" + digest, "x", "y@" + digest},
		{"docker-archive:x:sha256:1", "x", "sha256:1"},
		{"docker-archive:a:b:c:1", "a:b", "c:1"},
		{"dump:a:c", "a:c", ""},
		{"erofs:x@sha256:1", "x@sha256:1", ""},
	} {
		got, err := Parse(c.arg)
		if err != nil || got.Path != c.path || got.Ref != c.ref {
			t.Errorf("%s: %+v, %v", c.arg, got, err)
		}
		if again, err := Parse(got.String()); err != nil || cmp.Diff(got, again) != "" {
			t.Errorf("%s: written as %v, which reads as %+v, %v", c.arg, got, again, err)
		}
	}
}

// TestPin: only images that have a manifest of their own are named by it. The digest is
// that of OCI image-spec, manifest.md, "Guidance for an Empty Descriptor".
func TestPin(t *testing.T) {
	const digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	for arg, want := range map[string]string{
		"oci:x":                              "oci:x@" + digest,
		"oci:x:tag":                          "oci:x@" + digest,
		"oci:x@sha256:00":                    "oci:x@" + digest,
		"oci-archive:x:tag":                  "oci-archive:x@" + digest,
		"docker://host.example:5000/a/b:tag": "docker://host.example:5000/a/b@" + digest,
		"docker://host.example/a@sha256:" + strings.Repeat("0", 64): "docker://host.example/a@" + digest,
		"docker://Not A Name":                                      "docker://Not A Name",
		"containers-storage:[overlay@/a]localhost:5000/b:1":        "containers-storage:[overlay@/a]localhost:5000/b@" + digest,
		"containers-storage:localhost:5000/b":                      "containers-storage:localhost:5000/b@" + digest,
		"containers-storage:b:1@sha256:" + strings.Repeat("0", 64): "containers-storage:b@" + digest,
		"containers-storage:@0123":                                 "containers-storage:@0123",
		"containers-storage:sha256:0123":                           "containers-storage:sha256:0123",
		"containers-storage:localhost/b:1@0123":                    "containers-storage:localhost/b:1@0123",
		"docker-archive:x:a:1":                                     "docker-archive:x:a:1",
		"tar:a,b":                                                  "tar:a,b",
		"dir:x":                                                    "dir:x",
		"dump:-":                                                   "dump:-",
		"erofs:x":                                                  "erofs:x",
	} {
		s, err := Parse(arg)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Pin([]byte("{}")); got.String() != want {
			t.Errorf("%s: %v, want %s", arg, got, want)
		}
		if got := s.Pin(nil); cmp.Diff(s, got) != "" {
			t.Errorf("%s without a manifest: %v", arg, got)
		}
	}
}

// TestKinds: every transport is a tree, a tree at the end of a pipeline, or layers.
func TestKinds(t *testing.T) {
	kinds := map[Transport]string{Dir: "", Dump: "final", Erofs: "final", OCI: "layers", OCIArchive: "layers", DockerArchive: "layers", Docker: "layers", ContainersStorage: "layers", DockerOverlay2: "layers", Tar: "layers", Unpacked: ""}
	for _, transport := range Transports() {
		s := Source{Transport: transport}
		want, known := kinds[transport]
		if !known || s.IsFinal() != (want == "final") || s.HasLayers() != (want == "layers") {
			t.Errorf("%s: final %v, layers %v", transport, s.IsFinal(), s.HasLayers())
		}
		delete(kinds, transport)
	}
	if len(kinds) > 0 {
		t.Errorf("not listed: %v", kinds)
	}
}

// TestUnpacked: what was unpacked is named by the source of the image, whose transport may be
// left out.
func TestUnpacked(t *testing.T) {
	for arg, want := range map[string]string{
		"unpacked:localhost/a:1":            "unpacked:containers-storage:localhost/a:1",
		"unpacked:[overlay@/a]b":            "unpacked:containers-storage:[overlay@/a]b",
		"unpacked:docker-overlay2:a":        "unpacked:docker-overlay2:a",
		"unpacked:containers-storage:oci:1": "unpacked:containers-storage:oci:1",
	} {
		s, err := Parse(arg)
		if err != nil || s.Name() != want {
			t.Errorf("%s: %v, %v", arg, s, err)
		}
		stored, err := Parse(strings.TrimPrefix(want, "unpacked:"))
		if err != nil || cmp.Diff(stored, s.Stored()) != "" {
			t.Errorf("%s: %v, %v", arg, stored, err)
		}
		if again, ok := stored.Unpacked(); !ok || cmp.Diff(s, again) != "" {
			t.Errorf("%s: %v", arg, again)
		}
	}
	for _, transport := range []Transport{Dir, OCI, Docker, Tar} {
		if s, ok := (Source{Transport: transport}).Unpacked(); ok {
			t.Errorf("%v", s)
		}
	}
}

// TestStringAndName: a message shows a source without what cannot be printed, and a name is
// read as the same source again.
func TestStringAndName(t *testing.T) {
	s := Source{Transport: Tar, Layers: []string{"a\n::error::", `b\c`, "\x1b\u202e"}}
	if got, want := s.String(), `tar:a\x0a::error::,b\\c,\x1b\xe2\x80\xae`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if again, err := Parse(s.Name()); err != nil || !cmp.Equal(again, s) {
		t.Errorf("%q is read as %+v, %v", s.Name(), again, err)
	}
}
