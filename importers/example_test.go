package importers_test

import (
	"archive/tar"
	"context"
	"fmt"
	"os"

	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
)

// Example reads a layer in a file, and prints what its tree has.
func Example() {
	file, err := os.CreateTemp("", "layer-*.tar")
	if err != nil {
		panic(err)
	}
	defer os.Remove(file.Name())
	w := tar.NewWriter(file)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "usr/bin/", Mode: 0o755},
		{Typeflag: tar.TypeReg, Name: "usr/bin/su", Mode: 0o4755, Size: 4},
		{Typeflag: tar.TypeSymlink, Name: "bin", Linkname: "usr/bin", Mode: 0o777},
	} {
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	source, err := importers.ParseSource("tar:" + file.Name())
	if err != nil {
		panic(err)
	}
	imported, err := importers.Load(context.Background(), source, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Limits: limits.Default()})
	if err != nil {
		panic(err)
	}
	for path, e := range imported.Tree.All() {
		fmt.Printf("%04o %v %s\n", e.Node.Perm, e.Node.Kind, path)
	}
	// Output:
	// 0755 directory /
	// 0777 symlink /bin
	// 0755 directory /usr
	// 0755 directory /usr/bin
	// 4755 file /usr/bin/su
}
