package storage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cfsverify/canon/fsverity"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/storage"
	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/storages"
)

// TestWaitsForLocks: a store is read when the program that changes it is done, or at least
// when time is over.
func TestWaitsForLocks(t *testing.T) {
	store := newStore(t)
	for _, name := range []string{"overlay-images/images.lock", "overlay-layers/layers.lock"} {
		f, err := os.OpenFile(filepath.Join(store.Root, name), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := storage.Open(ctx, inStore(store.Root, "localhost/os:1"), nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: error %v", name, err)
		}
		const held = 300 * time.Millisecond
		start := time.Now()
		time.AfterFunc(held, func() { f.Close() })
		if got, err := read(t, store); got != merged() || err != nil {
			t.Errorf("%s: got\n%s%v", name, got, err)
		}
		if took := time.Since(start); took < held || took > 5*time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
	}
}

// TestHoldsNoLock: once an image is open, and while its layers are read, others may change
// the store.
func TestHoldsNoLock(t *testing.T) {
	store := newStore(t)
	img, err := storage.Open(t.Context(), inStore(store.Root, "localhost/os:1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	for _, name := range []string{"overlay-images/images.lock", "overlay-layers/layers.lock"} {
		f, err := os.OpenFile(filepath.Join(store.Root, name), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What was opened stays what it was.
	files.New(t, store.Root).Do(os.RemoveAll(filepath.Join(store.Root, "overlay-layers")))
	read, err := img.Image.Layers(t.Context(), image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA256}})
	if err != nil || len(read) != 2 {
		t.Errorf("%d layers, %v", len(read), err)
	}
}

// TestCheckLayers: who reads what was unpacked learns that it was removed meanwhile, though
// another layer may be in its place.
func TestCheckLayers(t *testing.T) {
	for name, change := range map[string]func(s *storages.Store, m files.Maker){
		"":                func(*storages.Store, files.Maker) {},
		"is not there":    func(s *storages.Store, _ files.Maker) { s.Layers = s.Layers[:1] },
		"is not complete": func(s *storages.Store, _ files.Maker) { s.Layers[0]["flags"] = map[string]any{"incomplete": true} },
		"no such file":    func(_ *storages.Store, m files.Maker) { m.Do(os.RemoveAll(m.Path("diff"))) },
		"is another one now": func(_ *storages.Store, m files.Maker) {
			m.Do(os.Rename(m.Path("diff"), m.Path("old")))
			m.Mkdir("diff")
		},
		"there is no store /": func(s *storages.Store, m files.Maker) { m.Do(os.Rename(s.Root, s.Root+"-moved")); s.Root += "-moved" },
	} {
		store := newStore(t)
		img, err := storage.Open(t.Context(), inStore(store.Root, "localhost/os:1"), nil)
		if err != nil {
			t.Fatal(err)
		}
		change(store, files.New(t, filepath.Dir(img.Layers[0].Diff)))
		store.Save()
		err = img.CheckLayers(t.Context())
		if (err == nil) != (name == "") || err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%q: error %v", name, err)
		}
		if err := img.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDeletedMeanwhile: while buildah deletes an image, either the right tree or an error
// comes out, and buildah is not kept from it.
func TestDeletedMeanwhile(t *testing.T) {
	store := oracle.NewStorage(t)
	dir := filepath.Join(store.Dir, "layout")
	many := layers.Image{Layers: []string{manyFiles(800), manyFiles(400)}}
	if err := many.WriteLayout(dir, "t"); err != nil {
		t.Fatal(err)
	}
	want, ended := "", 0
	for i := range 6 {
		if err := store.Copy(t, "oci:"+dir+":t", "localhost/many:1"); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			var err error
			if want, err = openStorage(t, store, "localhost/many:1"); err != nil {
				t.Fatal(err)
			}
		}
		rmi := exec.Command(oracle.Tool(t, "buildah", "buildah"), "rmi", "--all")
		rmi.Env = append(os.Environ(), "CONTAINERS_STORAGE_CONF="+store.Config)
		if err := rmi.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * 30 * time.Millisecond)
		got, err := openStorage(t, store, "localhost/many:1")
		switch {
		case err != nil:
			ended++
		case got != want:
			t.Errorf("after %d steps: got\n%s", i, got)
		}
		if err := rmi.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of 6 times the image could not be read", ended)
	if left := store.Must(t, "buildah", "images", "--quiet"); left != "" {
		t.Errorf("images are left: %s", left)
	}
}

// manyFiles is the spec of a layer.
func manyFiles(n int) string {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "f %d-%d =%d\n", n, i, i)
	}
	return lines.String()
}
