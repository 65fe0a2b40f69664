package source

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/files"
)

func writeTar(t *testing.T, path string, names ...string) {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: 2, Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("[]")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files.Write(t, path, buf.Bytes())
}

func TestParseSource(t *testing.T) {
	t.Chdir(t.TempDir())
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
	writeTar(t, "layer.tar", "etc/group", "etc/passwd")
	writeTar(t, "save.tar", "a.json", "manifest.json", "layer/layer.tar")
	writeTar(t, "oci.tar", "index.json", "manifest.json", "oci-layout")
	const digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123"

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

func TestIsTypo(t *testing.T) {
	for word, want := range map[string]bool{
		"oci": true, "OCI": true, "oic": true, "oc": true, "occi": true, "ocu": true, "cio": false, "o": false, "tar": false, "ociarchive": false, "": false,
	} {
		if got := isTypo(word, "oci"); got != want {
			t.Errorf("%q: %v", word, got)
		}
	}
	if !isTypo("oci_archive", "oci-archive") || !isTypo("ociarchive", "oci-archive") || isTypo("oci", "oci-archive") {
		t.Error("oci-archive")
	}
}
