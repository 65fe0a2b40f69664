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

// tarOf is an archive of files that each hold a JSON list, or what follows "=", of
// directories, which end in a slash, and of symlinks, which are written NAME->TARGET.
func tarOf(t *testing.T, entries ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, entry := range entries {
		name, content, found := strings.Cut(entry, "=")
		if !found {
			content = "[]"
		}
		h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Format: tar.FormatGNU}
		if link, target, found := strings.Cut(name, "->"); found {
			h.Name, h.Linkname, h.Typeflag, content = link, target, tar.TypeSymlink, ""
		} else if strings.HasSuffix(name, "/") {
			h.Typeflag, content = tar.TypeDir, ""
		}
		h.Size = int64(len(content))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestRecognise: a path without a transport is what its first bytes, or the files at the
// top of an archive, say that it is, if nothing says anything else.
func TestRecognise(t *testing.T) {
	t.Chdir(t.TempDir())
	const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	layer, both := tarOf(t, "etc/", "etc/passwd"), tarOf(t, "etc/", "etc/passwd", "oci-layout", "index.json")
	save := tarOf(t, digest+"/", digest+"/layer.tar", digest+".json", "repositories", "manifest.json")
	oci := tarOf(t, "blobs/", "blobs/sha256/", "blobs/sha256/"+digest, "index.json", "oci-layout")
	nested := tarOf(t, "var/oci-layout", "var/index.json", "var/manifest.json")
	v7 := bytes.Clone(layer)
	clear(v7[257:265])
	const (
		compressed = "it is a compressed "
		saveAndOCI = "it is both what docker save writes and an OCI layout, which may hold different images: " +
			"write docker-archive:file for the image that docker save wrote, oci-archive:file for the image in the layout"
		mixed = "it is a tar archive that has the files of an image, and others: write tar:file for a layer, "
	)
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
		"dump in gzip":                         {blobs.Gzip(t, []byte("/ 0 40755 2 0 0 0 0.0 - - -\n")), "", "it is compressed: decompress it first"},
		"composefs image in zstd":              {blobs.Zstd(t, []byte("\x9a\x62\x78\xd0")), "", "it is compressed: decompress it first"},
		"bzip2 in gzip's name":                 {[]byte("BZh91AY"), "", "none of the files that are recognised"},
		"archive without ustar":                {v7, "", "none of the files that are recognised"},
		"layer with an object manifest.json":   {tarOf(t, "manifest.json={}", "usr/"), Tar, ""},
		"layer with one file of a layout":      {tarOf(t, "etc/", "oci-layout"), Tar, ""},
		"layer with files of images below":     {nested, Tar, ""},
		"docker save":                          {save, DockerArchive, ""},
		"docker save, names with a dot":        {tarOf(t, "./", "./manifest.json"), DockerArchive, ""},
		"docker save in gzip":                  {blobs.Gzip(t, save), "", compressed + "docker-archive: decompress it first"},
		"docker save by digests in gzip":       {blobs.Gzip(t, tarOf(t, "sha256:"+digest, "manifest.json")), "", compressed + "docker-archive"},
		"docker save since Docker 25":          {tarOf(t, "blobs/", "blobs/sha256/"+digest, "index.json", "manifest.json", "oci-layout", "repositories"), "", saveAndOCI},
		"files that docker save names":         {tarOf(t, "config", "layer.tar.gz", `manifest.json= [{"Config":"config","Layers":["layer.tar.gz"]}]`), DockerArchive, ""},
		"a file that docker save does not":     {tarOf(t, "config", "app", `manifest.json=[{"Config":"config","Layers":["layer.tar.gz"]}]`), "", mixed},
		"a directory that docker save names":   {tarOf(t, "config", "usr/layer.tar", `manifest.json=[{"Config":"config","Layers":["usr/layer.tar"]}]`), "", mixed},
		"docker save and others":               {tarOf(t, digest+".json", "manifest.json", "usr/bin/"), "", mixed + "docker-archive:file for the image that docker save wrote"},
		"docker save behind a link":            {tarOf(t, "manifest.json->etc/list", "etc/list"), "", mixed + "docker-archive:file for"},
		"layout":                               {oci, OCIArchive, ""},
		"layout and docker save":               {tarOf(t, "manifest.json", "oci-layout", "index.json"), "", saveAndOCI},
		"layout in gzip":                       {blobs.Gzip(t, oci), "", compressed + "oci-archive: decompress it first"},
		"layout in zstd":                       {blobs.Zstd(t, oci), "", compressed + "oci-archive"},
		"layout behind other files":            {both, "", mixed + "oci-archive:file for the image in the layout"},
		"layout before other files":            {tarOf(t, "oci-layout", "index.json", "usr/"), "", mixed + "oci-archive"},
		"layout without its mark, and others":  {tarOf(t, "blobs/", "index.json", "app"), "", mixed + "oci-archive"},
		"layout by names in another form":      {tarOf(t, "/blobs/", "./usr/../index.json", "etc/"), "", mixed + "oci-archive"},
		"layout, docker save and others":       {tarOf(t, "manifest.json", "index.json", "oci-layout", "usr/"), "", mixed + "docker-archive:file for the image that docker save wrote, oci-archive:file for"},
		"other files before layout in gzip":    {blobs.Gzip(t, both), Tar, ""},
		"a name of 62 digits before it":        {tarOf(t, digest[2:], "oci-layout", "index.json"), "", mixed},
		"a name of other letters before it":    {tarOf(t, "g"+digest[1:], "oci-layout", "index.json"), "", mixed},
		"text":                                 {[]byte("hello"), "", "none of the files that are recognised: say what it is by one of dir:, dump:, erofs:, oci:, oci-archive:, docker-archive:, docker://, containers-storage:, docker-overlay2:, tar:, unpacked:"},
		"root without a space":                 {[]byte("/"), "", "none of the files that are recognised"},
		"half of the magic number of an image": {[]byte("\x9a\x62\x78"), "", "none of the files that are recognised"},
		"archive and dump":                     {tarOf(t, "/ 0 40755 2 0 0 0 0.0 - - -\n", "etc/"), "", "it is a dump file and a tar archive: write dump:file for the tree that is written in it, tar:file for a layer"},
		"archive and composefs image":          {tarOf(t, "\x9a\x62\x78\xd0", "etc/"), "", "it is a composefs image and a tar archive"},
		"archive that begins as gzip":          {tarOf(t, "\x1f\x8b\x08", "index.json", "oci-layout"), "", mixed},
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
	files.Write(t, "oci.tar", tarOf(t, "oci-layout", "index.json"))
	files.Write(t, "layer.tar", tarOf(t, "etc/"))
	const digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123"
	const gone = ": no such file or directory"
	const transports = "is no transport: use one of dir:, dump:, erofs:, oci:, oci-archive:, docker-archive:, docker://, containers-storage:, docker-overlay2:, tar:, unpacked:"
	for arg, want := range map[string]string{
		"ocl:layout":          `, and "ocl" is no transport: did you mean oci:layout`,
		"OCI:layout":          `, and "OCI" is no transport: did you mean oci:layout`,
		"dri:root":            `, and "dri" is no transport: did you mean dir:root`,
		"dmup:x:y":            `, and "dmup" is no transport: did you mean dump:x:y`,
		"erof:x":              `, and "erof" is no transport: did you mean erofs:x`,
		"tarr:x":              `, and "tarr" is no transport: did you mean tar:x`,
		"doker://host/x:1":    `, and "doker" is no transport: did you mean docker://host/x:1`,
		"ociarchive:oci.tar":  `, and "ociarchive" is no transport: did you mean oci-archive:oci.tar`,
		"docker_archive:x":    `, and "docker_archive" is no transport: did you mean docker-archive:x`,
		"container-storage:x": `, and "container-storage" is no transport: did you mean containers-storage:x`,
		"root:tag":            `, and "root" ` + transports,
		"layout:latest":       `: did you mean oci:layout:latest`,
		"layout@" + digest:    `: did you mean oci:layout@` + digest,
		"oci.tar:1":           `: did you mean oci-archive:oci.tar:1`,
		"save.tar:a:1":        `: did you mean docker-archive:save.tar:a:1`,
		"layer.tar:1":         `: an image in a registry is written docker://layer.tar:1`,
		"host.example/x:1":    `: an image in a registry is written docker://host.example/x:1`,
		"alpine":              `: an image in a registry is written docker://alpine`,
		"No Name":             ``,
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
