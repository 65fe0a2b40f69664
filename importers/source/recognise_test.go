package source

import (
	"archive/tar"
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
)

// tarOf is an archive of files that each hold a JSON list, and of directories.
func tarOf(t *testing.T, names ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range names {
		h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: 2, Format: tar.FormatUSTAR}
		if strings.HasSuffix(name, "/") {
			h.Typeflag, h.Size = tar.TypeDir, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("[]")[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestRecognise: a path without a transport is what its first bytes, or the files at the
// top of an archive, say that it is.
func TestRecognise(t *testing.T) {
	t.Chdir(t.TempDir())
	const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	layer, both := tarOf(t, "etc/", "etc/passwd"), tarOf(t, "etc/", "etc/passwd", "oci-layout")
	save := tarOf(t, digest+"/", digest+"/layer.tar", digest+".json", "repositories", "manifest.json")
	oci := tarOf(t, "blobs/", "blobs/sha256/", "blobs/sha256/"+digest, "index.json", "oci-layout")
	object := bytes.Replace(tarOf(t, "manifest.json"), []byte("[]"), []byte("{}"), 1)
	nested := tarOf(t, "var/oci-layout", "var/manifest.json")
	v7 := bytes.Clone(layer)
	clear(v7[257:265])
	const compressed = "it is a compressed "
	for name, c := range map[string]struct {
		data []byte
		want Transport
		err  string
	}{
		"dump":                                 {[]byte("/ 0 40755 2 0 0 0 0.0 - - -\n"), Dump, ""},
		"erofs":                                {[]byte("\x9a\x62\x78\xd0\x01\x00\x00\x00"), Erofs, ""},
		"layer":                                {layer, Tar, ""},
		"layer in gzip":                        {blobs.Gzip(t, layer), Tar, ""},
		"layer in zstd":                        {blobs.Zstd(t, layer), Tar, ""},
		"empty archive":                        {make([]byte, 1024), "", "none of the files that are recognised"},
		"empty archive in gzip":                {blobs.Gzip(t, make([]byte, 1024)), Tar, ""},
		"layer that is cut":                    {layer[:700], Tar, ""},
		"layer in gzip that is cut":            {blobs.Gzip(t, layer)[:50], Tar, ""},
		"gzip of no archive":                   {blobs.Gzip(t, []byte("text")), Tar, ""},
		"bzip2 in gzip's name":                 {[]byte("BZh91AY"), "", "none of the files that are recognised"},
		"archive without ustar":                {v7, "", "none of the files that are recognised"},
		"layer with an object manifest.json":   {object, Tar, ""},
		"layer with files of images below":     {nested, Tar, ""},
		"docker save":                          {save, DockerArchive, ""},
		"docker save, names with a dot":        {tarOf(t, "./", "./manifest.json"), DockerArchive, ""},
		"docker save in gzip":                  {blobs.Gzip(t, save), "", compressed + "docker-archive: decompress it first"},
		"docker save by digests in gzip":       {blobs.Gzip(t, tarOf(t, "sha256:"+digest, "manifest.json")), "", compressed + "docker-archive"},
		"layout":                               {oci, OCIArchive, ""},
		"layout and docker save":               {tarOf(t, "manifest.json", "oci-layout"), OCIArchive, ""},
		"layout in gzip":                       {blobs.Gzip(t, oci), "", compressed + "oci-archive: decompress it first"},
		"layout in zstd":                       {blobs.Zstd(t, oci), "", compressed + "oci-archive"},
		"layout behind other files":            {both, OCIArchive, ""},
		"other files before layout in gzip":    {blobs.Gzip(t, both), Tar, ""},
		"a name of 62 digits before it":        {blobs.Gzip(t, tarOf(t, digest[2:], "oci-layout")), Tar, ""},
		"a name of other letters before it":    {blobs.Gzip(t, tarOf(t, "g"+digest[1:], "oci-layout")), Tar, ""},
		"text":                                 {[]byte("hello"), "", "none of the files that are recognised: say what it is by one of dir:, dump:, erofs:, oci:, oci-archive:, docker-archive:, docker://, tar:"},
		"root without a space":                 {[]byte("/"), "", "none of the files that are recognised"},
		"half of the magic number of an image": {[]byte("\x9a\x62\x78"), "", "none of the files that are recognised"},
	} {
		files.Write(t, "file", c.data)
		got, err := Parse("file")
		want := Source{Transport: c.want, Path: "file"}
		if c.want == Tar {
			want = Source{Transport: Tar, Layers: []string{"file"}}
		}
		if c.err != "" {
			want = Source{}
		}
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, %s", name, err, diff)
		}
	}
}

// TestRecogniseOdd: what cannot be looked at is refused, and never waited for.
func TestRecogniseOdd(t *testing.T) {
	t.Chdir(t.TempDir())
	files.Write(t, "layout/oci-layout", nil)
	files.Write(t, "layout/index.json", nil)
	files.Write(t, "a,b.tar", tarOf(t, "etc/"))
	files.Write(t, "a,b.dump", []byte("/ "))
	m := files.New(t, ".")
	m.Symlink("layout", "link")
	m.Symlink("nowhere", "dangling")
	m.Do(unix.Mkfifo("pipe", 0o600))
	for arg, want := range map[string]string{
		"link":           "oci:link",
		"a,b.dump":       "dump:a,b.dump",
		"pipe":           "pipe is no regular file, so it cannot be looked at first: say what it is by one of dir:, ",
		"a,b.tar":        `"a,b.tar": the name of a layer cannot have a comma, which stands between layers: give the file another name, or a symlink`,
		"dangling":       "dangling: no such file or directory",
		"/proc/self/mem": "/proc/self/mem: read /proc/self/mem: input/output error",
	} {
		got, err := Parse(arg)
		if err == nil && got.String() != want || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, %v", arg, got, err)
		}
	}
	if os.Geteuid() != 0 {
		m.File("secret", "/ ")
		m.Chmod("secret", 0)
		if _, err := Parse("secret"); !os.IsPermission(err) {
			t.Errorf("a file that may not be read: %v", err)
		}
	}
}

// TestSuggestions: what is not there is most likely a transport that is mistyped or left
// out.
func TestSuggestions(t *testing.T) {
	t.Chdir(t.TempDir())
	files.Write(t, "layout/oci-layout", nil)
	files.Write(t, "layout/index.json", nil)
	files.Write(t, "root/etc/passwd", nil)
	files.Write(t, "save.tar", tarOf(t, "manifest.json"))
	files.Write(t, "oci.tar", tarOf(t, "oci-layout"))
	files.Write(t, "layer.tar", tarOf(t, "etc/"))
	const digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123"
	const gone = ": no such file or directory"
	const transports = "is no transport: use one of dir:, dump:, erofs:, oci:, oci-archive:, docker-archive:, docker://, tar:"
	for arg, want := range map[string]string{
		"ocl:layout":           `, and "ocl" is no transport: did you mean oci:layout`,
		"OCI:layout":           `, and "OCI" is no transport: did you mean oci:layout`,
		"dri:root":             `, and "dri" is no transport: did you mean dir:root`,
		"dmup:x:y":             `, and "dmup" is no transport: did you mean dump:x:y`,
		"erof:x":               `, and "erof" is no transport: did you mean erofs:x`,
		"tarr:x":               `, and "tarr" is no transport: did you mean tar:x`,
		"doker://host/x:1":     `, and "doker" is no transport: did you mean docker://host/x:1`,
		"ociarchive:oci.tar":   `, and "ociarchive" is no transport: did you mean oci-archive:oci.tar`,
		"docker_archive:x":     `, and "docker_archive" is no transport: did you mean docker-archive:x`,
		"containers-storage:x": `, and "containers-storage" ` + transports,
		"root:tag":             `, and "root" ` + transports,
		"layout:latest":        `: did you mean oci:layout:latest`,
		"layout@" + digest:     `: did you mean oci:layout@` + digest,
		"oci.tar:1":            `: did you mean oci-archive:oci.tar:1`,
		"save.tar:a:1":         `: did you mean docker-archive:save.tar:a:1`,
		"layer.tar:1":          `: an image in a registry is written docker://layer.tar:1`,
		"host.example/x:1":     `: an image in a registry is written docker://host.example/x:1`,
		"alpine":               `: an image in a registry is written docker://alpine`,
		"No Name":              ``,
	} {
		if got, err := Parse(arg); err == nil || err.Error() != arg+gone+want {
			t.Errorf("%s: %v, error %v, want %s", arg, got, err, arg+gone+want)
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
