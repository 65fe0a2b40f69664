package source

import (
	"iter"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/oracle"
)

const digestName = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// tree makes a directory of empty files, and of directories, which end in a slash.
func tree(t *testing.T, dir string, names ...string) {
	t.Helper()
	m := files.New(t, ".")
	m.Mkdir(dir)
	for _, name := range names {
		if strings.HasSuffix(name, "/") {
			m.Mkdir(dir + "/" + name)
		} else {
			files.Write(t, dir+"/"+name, nil)
		}
	}
}

// directories are made by TestDirectories and TestCheck in the working directory.
func directories(t *testing.T) {
	t.Helper()
	tree(t, "root", "usr/", "etc/", "bin")
	tree(t, "app", "app", "blobs/")
	tree(t, "empty")
	tree(t, "layout", "oci-layout", "index.json", "blobs/")
	tree(t, "buildkit", "oci-layout", "index.json", "index.json.lock", "blobs/", "ingest/", Staging+"123/")
	tree(t, "unpacked-25", "oci-layout", "index.json", "blobs/", "manifest.json", "repositories")
	tree(t, "no-index", "oci-layout", "blobs/")
	tree(t, "no-mark", "index.json", "blobs/")
	tree(t, "mark", "usr/", "oci-layout")
	tree(t, "root+layout", "usr/", "etc/", "bin", "oci-layout", "index.json", "blobs/")
	tree(t, "root+marks", "usr/", "oci-layout", "index.json")
	tree(t, "layout+file", "oci-layout", "index.json", "blobs/", "README")
	tree(t, "layout+hidden", "oci-layout", "index.json", "blobs/", ".config/")
	tree(t, "layout+digest", "oci-layout/", "index.json/", "usr/")
	tree(t, "skopeo", "manifest.json", "version", digestName, "signature-1")
	tree(t, "root+skopeo", "manifest.json", "version", digestName, "usr/")
	tree(t, "unpacked", "manifest.json", "repositories", digestName+".json", digestName+"/")
	tree(t, "web", "manifest.json", "version", "app/")
	if err := os.Symlink("layout", "link"); err != nil {
		t.Fatal(err)
	}
}

const ambiguous = ": it is a directory that has the files of an OCI layout, and others: write dir:%[1]s for the root file system, oci:%[1]s for the image in the layout"

// TestDirectories: a directory without a transport is a layout only if there is nothing
// else in it, and a root file system only if there is no layout in it.
func TestDirectories(t *testing.T) {
	t.Chdir(t.TempDir())
	directories(t)
	for dir, want := range map[string]string{
		"root": "dir:root", "app": "dir:app", "empty": "dir:empty", "mark": "dir:mark", "web": "dir:web", "root+skopeo": "dir:root+skopeo",
		"layout": "oci:layout", "link": "oci:link", "buildkit": "oci:buildkit", "unpacked-25": "oci:unpacked-25", "no-index": "oci:no-index", "no-mark": "oci:no-mark",
		"root+layout": ambiguous, "root+marks": ambiguous, "layout+file": ambiguous, "layout+hidden": ambiguous, "layout+digest": ambiguous,
		"skopeo":   ": it is an image as skopeo's own transport dir: and podman save write it: copy it to an OCI layout with skopeo copy dir:%[1]s oci:NEW, and write oci:NEW",
		"unpacked": ": it is an archive of docker save that was unpacked: pack it again with tar -C %[1]s -cf NEW.tar . and write docker-archive:NEW.tar",
	} {
		got, err := Parse(dir)
		if strings.HasPrefix(want, ":") {
			if want = dir + strings.ReplaceAll(want, "%[1]s", dir); err == nil || err.Error() != want {
				t.Errorf("%v, error %v, want %s", got, err, want)
			}
		} else if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v, want %s", dir, got, err, want)
		}
	}
}

// TestCheck: a transport that would read something else than what is there is refused,
// with the right one; what could be meant is taken.
func TestCheck(t *testing.T) {
	t.Chdir(t.TempDir())
	directories(t)
	save := tarOf(t, digestName+"/layer.tar", digestName+".json", "repositories", "manifest.json")
	oci := tarOf(t, "blobs/sha256/"+digestName, "index.json", "oci-layout")
	layer := tarOf(t, "usr/", "usr/bin/", "usr/bin/sh")
	for name, data := range map[string][]byte{
		"save.tar": save, "save.tar.gz": blobs.Gzip(t, save), "oci.tar": oci, "oci.tar.zst": blobs.Zstd(t, oci), "layer.tar": layer, "layer.tar.gz": blobs.Gzip(t, layer),
		"save-25.tar": tarOf(t, "blobs/sha256/"+digestName, "index.json", "manifest.json", "oci-layout"),
		"mixed.tar":   tarOf(t, "usr/", "blobs/sha256/"+digestName, "index.json", "oci-layout"),
		"x.dump":      []byte("/ 0 40755 2 0 0 0 0.0 - - -\n"), "x.dump.gz": blobs.Gzip(t, []byte("/ 0 40755 2 0 0 0 0.0 - - -\n")), "x.dump.zst": blobs.Zstd(t, []byte("/ 0 40755 2 0 0 0 0.0 - - -\n")),
		"x.cfs": []byte("\x9a\x62\x78\xd0"), "x.txt": []byte("text"), "x.txt.gz": blobs.Gzip(t, []byte("text")), "empty.file": nil,
	} {
		files.Write(t, name, data)
	}
	files.New(t, ".").Do(unix.Mkfifo("pipe", 0o600))
	const isSkopeo = "it is an image as skopeo's own transport dir: and podman save write it: copy it to an OCI layout with skopeo copy dir:skopeo oci:NEW, and write oci:NEW"
	const isSave, isOCI, isLayer = "it is what docker save writes: write docker-archive:save.tar", "it is an OCI layout in an archive: write oci-archive:oci.tar", "it is a tar archive without an image: write tar:layer.tar if it is a layer"
	for arg, want := range map[string]string{
		// A root file system may have a layout in it.
		"dir:root": "", "dir:app": "", "dir:empty": "", "dir:mark": "", "dir:root+layout": "", "dir:root+marks": "", "dir:layout+file": "", "dir:root+skopeo": "", "dir:web": "",
		"oci:layout": "", "oci:layout:tag": "", "oci:no-mark": "", "oci:root+layout": "", "oci:layout+file": "",
		"dir:layout":                       "it is an OCI layout: write oci:layout",
		"dir:link":                         "it is an OCI layout: write oci:link",
		"dir:buildkit":                     "it is an OCI layout: write oci:buildkit",
		"dir:unpacked-25":                  "it is an OCI layout: write oci:unpacked-25",
		"dir:no-mark":                      "it is an OCI layout: write oci:no-mark",
		"dir:no-index":                     "it is an OCI layout: write oci:no-index",
		"dir:skopeo":                       isSkopeo,
		"oci:skopeo":                       isSkopeo,
		"docker-archive:skopeo":            isSkopeo,
		"dir:unpacked":                     "it is an archive of docker save that was unpacked: pack it again with tar -C unpacked -cf NEW.tar . and write docker-archive:NEW.tar",
		"oci:root":                         "it is a root file system: write dir:root",
		"oci:root:tag":                     "it is a root file system: write dir:root",
		"oci:mark":                         "it is a root file system: write dir:mark",
		"tar:root":                         "it is a root file system: write dir:root",
		"tar:layout":                       "it is an OCI layout: write oci:layout",
		"oci-archive:layout:tag":           "it is an OCI layout: write oci:layout:tag",
		"docker-archive:layout:a:1":        "it is an OCI layout: write oci:layout:a:1",
		"dump:layout":                      "it is an OCI layout: write oci:layout",
		"erofs:root":                       "it is a root file system: write dir:root",
		"tar:root+layout":                  "it is a directory that has the files of an OCI layout, and others: write dir:root+layout for the root file system, oci:root+layout for the image in the layout",
		"oci:app":                          "", // The layout's reader refuses it, without advice.
		"tar:save.tar":                     isSave,
		"tar:save.tar,layer.tar":           isSave,
		"tar:layer.tar,save.tar":           "", // An upper layer may bring nothing but an image.
		"tar:save.tar.gz":                  "it is a compressed docker-archive: decompress it first",
		"docker-archive:save.tar.gz":       "it is a compressed docker-archive: decompress it first",
		"tar:oci.tar.zst":                  "it is a compressed oci-archive: decompress it first",
		"tar:oci.tar":                      isOCI,
		"dir:oci.tar":                      isOCI,
		"oci:oci.tar:tag":                  isOCI + ":tag",
		"oci:oci.tar@sha256:" + digestName: isOCI + "@sha256:" + digestName,
		"docker-archive:oci.tar":           isOCI,
		"oci-archive:save.tar":             isSave,
		"oci-archive:save.tar:name:tag":    isSave + ":name:tag",
		"oci-archive:save.tar@sha256:" + digestName: isSave,
		"dir:save.tar":               isSave,
		"dump:save.tar":              isSave,
		"docker-archive:layer.tar":   isLayer,
		"oci-archive:layer.tar":      isLayer,
		"dump:layer.tar":             isLayer,
		"erofs:layer.tar":            isLayer,
		"dump:layer.tar.gz":          "it is a compressed tar archive without an image: write tar:layer.tar.gz if it is a layer",
		"tar:save-25.tar":            "it is both what docker save writes and an OCI layout, which may hold different images: write docker-archive:save-25.tar for the image that docker save wrote, oci-archive:save-25.tar for the image in the layout",
		"dump:mixed.tar":             "it is a tar archive that has the files of an image, and others: write tar:mixed.tar for a layer, oci-archive:mixed.tar for the image in the layout",
		"dump:x.dump.gz":             "it is compressed: decompress it first",
		"dump:x.dump.zst":            "it is compressed: decompress it first",
		"tar:x.dump.gz":              "it is compressed: decompress it first",
		"dump:x.txt.gz":              "it is a compressed file: decompress it first",
		"erofs:x.txt.gz":             "it is a compressed file: decompress it first",
		"erofs:x.dump":               "it is a dump file: write dump:x.dump",
		"tar:x.dump":                 "it is a dump file: write dump:x.dump",
		"dir:x.dump":                 "it is a dump file: write dump:x.dump",
		"dump:x.cfs":                 "it is a composefs image: write erofs:x.cfs",
		"oci-archive:x.cfs":          "it is a composefs image: write erofs:x.cfs",
		"tar:x.cfs":                  "it is a composefs image: write erofs:x.cfs",
		"docker-archive:save.tar":    "",
		"docker-archive:save-25.tar": "",
		"oci-archive:save-25.tar":    "",
		"oci-archive:mixed.tar":      "",
		"tar:mixed.tar":              "",
		"tar:layer.tar":              "",
		"tar:layer.tar.gz":           "",
		"tar:x.txt.gz":               "",
		"dump:x.dump":                "",
		"erofs:x.cfs":                "",
		"dump:x.txt":                 "",
		"erofs:empty.file":           "",
		"dump:-":                     "",
		"tar:-,save.tar":             "",
		"dump:pipe":                  "",
		"tar:pipe":                   "",
		"dir:none":                   "",
		"docker://host.example/a":    "",
	} {
		s, err := Parse(arg)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasSuffix(err.Error(), ": "+want) || !strings.HasPrefix(err.Error(), string(s.Transport)+":"+strings.Split(s.Path+strings.Join(s.Layers, ","), ",")[0])) {
			t.Errorf("%s: error %v, want %s", arg, err, want)
		}
	}
}

// TestAdviceIsRight: what a refusal says to write is taken.
func TestAdviceIsRight(t *testing.T) {
	t.Chdir(t.TempDir())
	directories(t)
	files.Write(t, "save.tar", tarOf(t, "manifest.json", digestName+".json"))
	files.Write(t, "save-25.tar", tarOf(t, "manifest.json", "index.json", "blobs/"))
	files.Write(t, "oci.tar", tarOf(t, "oci-layout", "index.json", "blobs/"))
	files.Write(t, "layer.tar", tarOf(t, "usr/"))
	files.Write(t, "mixed.tar", tarOf(t, "usr/", "index.json", "blobs/"))
	files.Write(t, "x.dump", []byte("/ 0 40755 2 0 0 0 0.0 - - -\n"))
	files.Write(t, "x.cfs", []byte("\x9a\x62\x78\xd0"))
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	advised := 0
	for _, e := range entries {
		for _, transport := range Transports() {
			s, err := Parse(string(transport) + ":" + e.Name())
			if err != nil {
				continue
			}
			err = s.Check()
			if err == nil {
				continue
			}
			_, advice, found := strings.Cut(err.Error(), ": write ")
			for name := range strings.SplitSeq(advice, ", ") {
				if !found {
					break
				}
				name, _, _ = strings.Cut(name, " ")
				better, err := Parse(name)
				if err != nil || better.Check() != nil || better.Transport == transport {
					t.Errorf("%v: %s is no help: %v", s, name, err)
				}
				advised++
			}
		}
	}
	if advised < 50 {
		t.Errorf("only %d pieces of advice", advised)
	}
}

// TestCheckSkopeo: what skopeo writes is recognised in each form.
func TestCheckSkopeo(t *testing.T) {
	image := "oci:../../testdata/example/image:latest"
	dir := t.TempDir()
	for form, c := range map[string]struct{ path, wrong, want string }{
		"dir":            {dir + "/dir", "dir:", "it is an image as skopeo's own transport dir: and podman save write it"},
		"oci":            {dir + "/oci", "dir:", "it is an OCI layout"},
		"oci-archive":    {dir + "/oci.tar", "tar:", "it is an OCI layout in an archive"},
		"docker-archive": {dir + "/docker.tar", "tar:", "it is what docker save writes"},
	} {
		oracle.Run(t, "skopeo", "skopeo", "copy", "-q", image, form+":"+c.path)
		s, err := Parse(c.wrong + c.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), ": "+c.want+": ") {
			t.Errorf("%v: error %v", s, err)
		}
		if got, err := Parse(c.path); form != "dir" && (err != nil || string(got.Transport) != form) || form == "dir" && err == nil {
			t.Errorf("%s: %v, %v", c.path, got, err)
		}
	}
}

// TestCheckHead: a stream is recognised by what it begins with.
func TestCheckHead(t *testing.T) {
	layer := tarOf(t, "usr/")
	for _, c := range []struct {
		transport Transport
		head      string
		want      string
	}{
		{Dump, "/ 0 40755", ""}, {Dump, "", ""}, {Dump, "text", ""}, {Erofs, "\x9a\x62\x78\xd0", ""}, {Erofs, "text", ""},
		{Dump, "\x9a\x62\x78\xd0", "dump:-: it is a composefs image: write erofs:-"},
		{Erofs, "/ 0 40755", "erofs:-: it is a dump file: write dump:-"},
		{Dump, "\x1f\x8b\x08", "dump:-: it is a compressed file: decompress it first"},
		{Erofs, "\x28\xb5\x2f\xfd", "erofs:-: it is a compressed file: decompress it first"},
		{Dump, string(layer[:512]), "dump:-: it is a tar archive: write tar:- if it is a layer"},
		{Erofs, string(layer), "erofs:-: it is a tar archive: write tar:- if it is a layer"},
	} {
		err := Source{Transport: c.transport, Path: "-"}.CheckHead([]byte(c.head))
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%s %.20q: %v", c.transport, c.head, err)
		}
	}
}

// TestCheckLayer: the names of a stream's entries tell an archive of an image from a layer.
func TestCheckLayer(t *testing.T) {
	for names, want := range map[string]string{
		"":                                      "",
		"usr/":                                  "",
		"manifest.json":                         "",
		"index.json":                            "",
		"index.json manifest.json":              "",
		"blobs/ oci-layout index.json":          "it is an OCI layout in an archive",
		"index.json blobs/sha256/" + digestName: "it is an OCI layout in an archive",
		digestName + ".json manifest.json " + digestName + "/ repositories":   "it is what docker save writes",
		"sha256:" + digestName + " " + digestName + ".tar.gz manifest.json":   "it is what docker save writes",
		"config.json " + digestName + ".tar.gz manifest.json":                 "it is what docker save writes",
		"blobs/ oci-layout index.json manifest.json repositories":             "it is what docker save writes",
		"blobs/ oci-layout index.json usr/":                                   "",
		"blobs/ oci-layout index.json app":                                    "",
		"usr/bin/sh blobs/ oci-layout index.json":                             "",
		"manifest.json " + digestName + " app":                                "",
		"manifest.json " + digestName + ".json .wh.etc oci-layout":            "",
		"blobs/ oci-layout index.json " + strings.Repeat("file ", filesMax*2): "",
	} {
		entries := func(yield func(string, bool) bool) {
			for _, name := range strings.Fields(names) {
				if !yield(strings.TrimSuffix(name, "/"), strings.HasSuffix(name, "/")) {
					return
				}
			}
		}
		if err := CheckLayer(iter.Seq2[string, bool](entries)); want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%.60s: %v", names, err)
		}
	}
}
