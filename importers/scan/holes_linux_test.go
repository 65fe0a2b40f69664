package scan

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"cfsverify/canon/fsverity"
	"cfsverify/importers/objects"
)

// sparseFile makes a file with data at some offsets.
func sparseFile(t *testing.T, path string, size int64, offsets ...int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, offset := range offsets {
		if _, err := f.WriteAt([]byte("data"), offset); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
}

// TestScanSparse: holes are not read, and give what their zeros give.
func TestScanSparse(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 10 {
		dir := t.TempDir()
		size := int64(2<<20 + random.IntN(30<<20))
		var offsets []int64
		for range random.IntN(5) {
			offsets = append(offsets, random.Int64N(size-4))
		}
		path := filepath.Join(dir, "file")
		sparseFile(t, path, size, offsets...)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := fsverity.Sum(fsverity.SHA256, f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		tree, err := Directory(t.Context(), dir, Options{Hash: fsverity.SHA256})
		if err != nil {
			t.Fatal(err)
		}
		if n := tree.Lookup("/file").Node; n.Content.Digest != want || n.Size != uint64(size) {
			t.Errorf("size %d, data at %v: got %v of %d bytes, want %v", size, offsets, n.Content.Digest, n.Size, want)
		}
	}
}

// TestScanTebibyte would take hours if holes were read, and its content store
// would not fit.
func TestScanTebibyte(t *testing.T) {
	const size, middle = 1 << 40, 1<<39 + 12345
	dir := t.TempDir()
	sparseFile(t, filepath.Join(dir, "holes"), size)
	sparseFile(t, filepath.Join(dir, "data"), size, middle)
	zeros, data := fsverity.New(fsverity.SHA256), fsverity.New(fsverity.SHA256)
	zeros.WriteZeros(size)
	data.WriteZeros(middle)
	data.Write([]byte("data"))
	data.WriteZeros(size - middle - 4)
	kept := t.TempDir()
	store, err := objects.Open(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	tree, err := Directory(t.Context(), dir, Options{Hash: fsverity.SHA256, Objects: store})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Commit(tree); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]*fsverity.Hasher{"/holes": zeros, "/data": data} {
		want := h.Digest()
		if got := tree.Lookup(name).Node.Content.Digest; got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		var stat syscall.Stat_t
		if err := syscall.Stat(filepath.Join(kept, want.ObjectPath()), &stat); err != nil {
			t.Fatal(err)
		}
		if stat.Size != size || stat.Blocks*512 > 1<<20 {
			t.Errorf("the object of %s has %d bytes, of which %d are on disk", name, stat.Size, stat.Blocks*512)
		}
	}
}
