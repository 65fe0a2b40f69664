package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/tarfile"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// TestStorageCommands: what commands say of an image in the storage of podman is what they
// say of the layout that it was pulled from, whose blobs are compressed, and what they write
// of it can be pulled again. Nothing in the storage changes.
func TestStorageCommands(t *testing.T) {
	store := oracle.NewStorage(t)
	dir := filepath.Join(store.Dir, "layout")
	images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, Fields: map[string]any{"created": "2026-11-30T00:00:00Z"}, Layers: []images.Layer{
		{Archive: layers.Tar("d usr mode=0755\nf usr/a =1\nf usr/gone =x"), Compression: tarfile.Gzip, MediaType: types.OCILayer},
		{Archive: layers.Tar("f usr/.wh.gone\nf usr/b =2"), Compression: tarfile.Gzip, MediaType: types.OCILayer},
	}}.Write(t, dir, "t")
	layout, stored := "oci:"+dir+":t", "containers-storage:[overlay@"+store.Root+"]localhost/os:1"
	if err := store.Copy(t, layout, "localhost/os:1"); err != nil {
		t.Fatal(err)
	}
	before := store.Inodes(t)
	named := func(text string) string { return strings.NewReplacer(stored, "IMAGE", layout, "IMAGE").Replace(text) }
	for _, command := range []string{"digest", "dump", "lint", "identify --digest " + strings.Repeat("0", 64), "tar"} {
		words := strings.Fields(command)
		want, wantStatus := tryMain(t, nil, append(words, layout)...)
		if got, status := tryMain(t, nil, append(words, stored)...); named(got) != named(want) || status != wantStatus || wantStatus == statusTrouble {
			t.Errorf("%s: status %d, want %d\n%s\nwant\n%s", command, status, wantStatus, got, want)
		}
	}
	t.Setenv("CONTAINERS_STORAGE_CONF", store.Config)
	wantText(t, runMain(t, statusSame, "diff", "containers-storage:os:1", layout), "SAME: ")
	wantText(t, runMain(t, statusDifferent, "diff", "--raw", stored, layout), "likely cause: compression: ", "layer 2: the archive is the same, but stored differently")

	repaired, sealed := "oci:"+filepath.Join(store.Dir, "repaired")+":t", "oci:"+filepath.Join(store.Dir, "sealed")+":t"
	runMain(t, statusSame, "repair", "-o", repaired, stored)
	wantText(t, runMain(t, statusSame, "diff", stored, repaired), "SAME: ")
	wantText(t, runMain(t, statusSame, "seal", "write", "--annotations", "-o", sealed, stored), "manifest-annotation")
	if store.Inodes(t) != before {
		t.Error("the store changed")
	}
	if err := store.Copy(t, sealed, "localhost/sealed:1"); err != nil {
		t.Fatal(err)
	}
	wantText(t, runMain(t, statusSame, "seal", "check", "containers-storage:localhost/sealed:1"), "SEALED: 4 seals are good")
}

// TestUnpackedCommands: an image in the storage is compared with what was unpacked of it, and
// commands take what was unpacked for a directory. Nothing in the storage changes, and what
// cannot be seen as an engine shows it is refused.
func TestUnpackedCommands(t *testing.T) {
	store := oracle.NewStorage(t)
	stored := func(name string) string { return "containers-storage:[overlay@" + store.Root + "]localhost/" + name }
	put := func(name string, specs ...string) {
		t.Helper()
		var list []images.Layer
		for _, spec := range specs {
			list = append(list, images.Layer{Archive: layers.Tar(spec), MediaType: types.OCIUncompressedLayer})
		}
		dir := filepath.Join(store.Dir, name)
		images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, Layers: list}.Write(t, dir, "t")
		if err := store.Copy(t, "oci:"+dir+":t", "localhost/"+name+":latest"); err != nil {
			t.Fatal(err)
		}
	}
	const contexts = "etc/selinux/t/contexts/files/file_contexts"
	const parents = "d etc mode=755\nd etc/selinux mode=755\nd etc/selinux/t mode=755\nd etc/selinux/t/contexts mode=755\nd etc/selinux/t/contexts/files mode=755\n"
	put("clean", "d boot mode=755 mtime=1\nd sysroot mode=755 mtime=1\nd usr mode=755 mtime=2\nf usr/a mode=644 mtime=3 =1\nf usr/gone =x\n"+
		parents+"f etc/selinux/config \"=SELINUXTYPE=t\\n\"\nf "+contexts+" \"=/.* old_t\\n\"",
		"d usr mode=755 mtime=2\nf usr/.wh.gone\n"+parents+"f "+contexts+" \"=/.* a_t\\n/usr(/.*)? b_t\\n\"")
	put("implied", "d usr mode=711 mtime=2\nd usr/share mode=711 mtime=2", "f usr/share/late mode=644 mtime=3 =1")
	before := store.Inodes(t)

	wantText(t, runMain(t, statusSame, "inside-vs-outside", stored("clean")), "SAME: ", "unpacked:"+stored("clean"))
	wantText(t, runMain(t, statusSame, "inside-vs-outside", "--bootable", stored("clean")), "SAME: ")
	wantText(t, runMain(t, statusDifferent, "inside-vs-outside", stored("implied")), "DIFFERENT: ", "implicit-parent", "/usr/share")
	wantText(t, runMain(t, statusSame, "inside-vs-outside", "unpacked:"+stored("clean"), "oci:"+filepath.Join(store.Dir, "clean")), "SAME: ")

	if after := store.Inodes(t); after != before {
		t.Error("the store changed")
	}

	mounted := store.Must(t, "podman", "image", "mount", "localhost/clean")
	for _, command := range []string{"dump", "digest", "dump --policy raw", "digest --bootable", "tar"} {
		words := strings.Fields(command)
		want := runMain(t, statusSame, append(words, "dir:"+mounted)...)
		if got := runMain(t, statusSame, append(words, "unpacked:"+stored("clean"))...); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
	store.Must(t, "podman", "image", "unmount", "localhost/clean")

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"inside-vs-outside", "oci:" + filepath.Join(store.Dir, "clean")}, "name INSIDE and OUTSIDE, or an image in a local storage"},
		{[]string{"inside-vs-outside", stored("clean"), "unpacked:" + stored("clean")}, "INSIDE is a directory, a dump file or unpacked:IMAGE"},
		{[]string{"inside-vs-outside", "unpacked:" + stored("clean"), "unpacked:" + stored("clean")}, "OUTSIDE is a container image"},
		{[]string{"seal", "check", "unpacked:" + stored("clean")}, "is no container image, which seals are of"},
		{[]string{"digest", "unpacked:" + stored("none")}, `there is no image "localhost/none"`},
	} {
		wantText(t, refused(t, c.args...), c.want)
	}
	if err := os.Chown(filepath.Join(store.Root, "overlay"), 1000, 1000); err != nil {
		t.Fatal(err)
	}
	wantText(t, refused(t, "inside-vs-outside", stored("clean")), "is of user 1000", "podman unshare")
}

// TestRefusedTypesInStorage: what composefs-rs refuses of a manifest it refuses of an image in
// the storage too, which keeps the archives without the compression that is stated.
func TestRefusedTypesInStorage(t *testing.T) {
	store := oracle.NewStorage(t)
	archive := layers.Tar("d usr mode=0755\nf usr/a =1")
	for name, mediaType := range map[string]types.MediaType{"docker": types.DockerLayer, "oci": types.OCILayer} {
		dir := filepath.Join(store.Dir, name)
		images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, Fields: map[string]any{"author": name}, Layers: []images.Layer{{Archive: archive, Compression: tarfile.Gzip, MediaType: mediaType}}}.Write(t, dir, "t")
		if err := store.Copy(t, "oci:"+dir+":t", "localhost/"+name+":1"); err != nil {
			t.Fatal(err)
		}
	}
	stored := "containers-storage:[overlay@" + store.Root + "]localhost/"
	wantText(t, runMain(t, statusDifferent, "diff", stored+"docker:1", stored+"oci:1"), "by the layer rules oci only", "Docker's media type")
	wantText(t, runMain(t, statusSame, "diff", stored+"oci:1", "oci:"+filepath.Join(store.Dir, "oci")), "SAME: ")
}

// refused runs a command line that must end with an error, and gives that.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	out, status := tryMain(t, stderr, args...)
	data, err := os.ReadFile(stderr.Name())
	if status != statusTrouble || out != "" || err != nil {
		t.Errorf("%v: status %d, %v\n%s", args, status, err, out)
	}
	return string(data)
}
