package storage_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/importers/archive"
	"cfsverify/importers/source"
	"cfsverify/importers/storage"
	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/registries"
)

// TestStoreOfTools: an image that buildah builds of a Debian system is read from its store, a
// small one also read-only, below a second store and by configuration, and nothing of the
// store changes.
func TestStoreOfTools(t *testing.T) {
	store := oracle.NewStorage(t)
	oracle.Tool(t, "skopeo", "skopeo")
	context := filepath.Join(store.Dir, "context")
	files.Write(t, filepath.Join(context, "Containerfile"), []byte("FROM scratch\nADD debian.tar /\nRUN rm -r /usr/share/doc /etc/motd && mkdir /usr/share/doc && chmod 0700 /srv\nCOPY Containerfile /srv/\n"))
	oracle.Run(t, "coreutils", "cp", oracle.Debian(t), filepath.Join(context, "debian.tar"))
	store.Must(t, "buildah", "bud", "--isolation", "chroot", "--layers", "-t", "localhost/os:1", context)
	small := ociImage(t, "somebody", specs...)
	if err := store.Copy(t, small.String(), "localhost/small:1"); err != nil {
		t.Fatal(err)
	}
	debian := exported(t, store, "localhost/os:1")
	before := store.Inodes(t)
	check := func(t *testing.T, s source.Source, want string) {
		t.Helper()
		img, err := storage.Open(t.Context(), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readImage(t, img.Image); got != want || err != nil {
			t.Errorf("%v: the tree is another one than what skopeo exports: %v", s, err)
		}
	}
	check(t, inStore(store.Root, "localhost/os:1"), debian)
	t.Run("read-only", func(t *testing.T) {
		readOnly := filepath.Join(store.Dir, "read-only")
		files.New(t, readOnly).Mkdir(".")
		oracle.Run(t, "mount", "mount", "--bind", store.Root, readOnly)
		defer oracle.Run(t, "mount", "umount", readOnly)
		oracle.Run(t, "mount", "mount", "-o", "remount,bind,ro", readOnly)
		check(t, inStore(readOnly, "localhost/small:1"), merged())
	})
	t.Run("by configuration", func(t *testing.T) {
		t.Setenv("CONTAINERS_STORAGE_CONF", store.Config)
		check(t, source.Source{Transport: source.ContainersStorage, Ref: "small:1"}, merged())
		empty := oracle.NewStorage(t)
		files.New(t, empty.Root).Mkdir(".")
		t.Setenv("CONTAINERS_STORAGE_CONF", empty.Config)
		t.Setenv("STORAGE_OPTS", "additionalimagestore="+store.Root)
		check(t, source.Source{Transport: source.ContainersStorage, Ref: "localhost/small:1"}, merged())
		// skopeo finds it there as well.
		oracle.Run(t, "skopeo", "skopeo", "inspect", "containers-storage:localhost/os:1")
	})
	if after := store.Inodes(t); after != before {
		t.Error("the store changed")
	}
}

// exported reads an image as skopeo exports it, without the time that compression takes.
func exported(t *testing.T, store *oracle.Storage, name string) string {
	t.Helper()
	file := filepath.Join(store.Dir, "exported.tar")
	store.Must(t, "skopeo", "copy", "--quiet", "containers-storage:"+name, "docker-archive:"+file)
	img, err := archive.Docker(source.Source{Transport: source.DockerArchive, Path: file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := readImage(t, img)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestChildOfAnotherStore: an image is built on one of an additional store.
func TestChildOfAnotherStore(t *testing.T) {
	below, child := oracle.NewStorage(t), oracle.NewStorage(t)
	layout := filepath.Join(below.Dir, "layout")
	if err := (layers.Image{Layers: []string{"d srv\nf srv/a =1", "f srv/b =2"}}).WriteLayout(layout, "t"); err != nil {
		t.Fatal(err)
	}
	if err := below.Copy(t, "oci:"+layout+":t", "localhost/os:1"); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(child.Config)
	if err != nil {
		t.Fatal(err)
	}
	files.Write(t, child.Config, fmt.Appendf(config, "[storage.options]\nadditionalimagestores = [%q]\n", below.Root))
	files.Write(t, filepath.Join(child.Dir, "context/Containerfile"), []byte("FROM localhost/os:1\nCOPY Containerfile /srv/a\n"))
	child.Must(t, "buildah", "bud", "--isolation", "chroot", "--pull-never", "-t", "localhost/child:1", filepath.Join(child.Dir, "context"))
	want, before := exported(t, child, "localhost/child:1"), child.Inodes(t)
	for _, options := range []string{":additionalimagestore=", ":overlay.additionalimagestore="} {
		img, err := storage.Open(t.Context(), inStore(child.Root+options+below.Root, "localhost/child:1"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readImage(t, img.Image); got != want || err != nil {
			t.Errorf("the tree is another one than what skopeo exports: %v", err)
		}
	}
	if _, err := openStorage(t, child, "localhost/child:1"); err == nil || !strings.Contains(err.Error(), "is not there: it may be in an additional image store") {
		t.Errorf("error %v", err)
	}
	if child.Inodes(t) != before {
		t.Error("the store changed")
	}
}

// TestPartialPull: Debian 12's skopeo keeps no headers of an image that it pulls in parts.
// The registry of the test can give one part at a time, so there is one file.
func TestPartialPull(t *testing.T) {
	store := oracle.NewStorage(t)
	from := ociImage(t, "somebody", "d a\nf a/b =12")
	config, err := os.ReadFile(store.Config)
	if err != nil {
		t.Fatal(err)
	}
	files.Write(t, store.Config, append(config, "[storage.options]\npull_options = {enable_partial_images = \"true\"}\n"...))
	remote := "docker://" + registries.Loopback(t, registries.Untouched) + "/a:1"
	store.Must(t, "skopeo", "copy", "--quiet", "--dest-tls-verify=false", "--dest-creds", "me:secret", "--dest-compress-format", "zstd:chunked", from.String(), remote)
	store.Must(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "--src-creds", "me:secret", remote, "containers-storage:localhost/a:1")
	before := store.Inodes(t)
	if headers, err := filepath.Glob(filepath.Join(store.Root, "overlay-layers/*.tar-split.gz")); err != nil || len(headers) > 0 {
		t.Fatalf("there are headers: %v, %v", headers, err)
	}
	got, err := openStorage(t, store, "localhost/a:1")
	var missing *storage.NoHeadersError
	if !errors.As(err, &missing) {
		t.Errorf("%q, error %v", got, err)
	}
	img, err := storage.Open(t.Context(), inStore(store.Root, "localhost/a:1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if out, err := exec.Command("cat", filepath.Join(img.Layers[0].Diff, "a/b")).Output(); string(out) != "12" || err != nil {
		t.Errorf("what was unpacked is %q, %v", out, err)
	}
	if store.Inodes(t) != before {
		t.Error("the store changed")
	}
}
