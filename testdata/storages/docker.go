package storages

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"

	"cfsverify/importers/layout"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
)

// Docker writes images of OCI layouts as docker keeps them below its data root with the
// storage driver overlay2, each with the names that docker shows.
func Docker(t *testing.T, root string, images map[string]source.Source) {
	t.Helper()
	repositories := map[string]map[string]string{}
	write := func(name string, content []byte) { files.Write(t, filepath.Join(root, name), content) }
	for name, from := range images {
		img, err := layout.Open(from, nil)
		if err != nil {
			t.Fatal(err)
		}
		chain := ""
		for _, archive := range archives(t, img) {
			diffID := blobs.Digest(archive)
			parent := chain
			if chain = diffID.String(); parent != "" {
				chain = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(parent+" "+diffID.String())))
			}
			dir := "image/overlay2/layerdb/sha256/" + chain[7:]
			cache := blobs.Digest([]byte(chain)).Hex
			write(dir+"/cache-id", []byte(cache))
			write(dir+"/diff", []byte(diffID.String()))
			write(dir+"/tar-split.json.gz", split(t, archive, filepath.Join(root, "overlay2", cache, "diff")))
			if parent != "" {
				write(dir+"/parent", []byte(parent))
			}
		}
		id := blobs.Digest(img.Config)
		write("image/overlay2/imagedb/content/sha256/"+id.Hex, img.Config)
		repositories[name] = map[string]string{name: id.String()}
		if err := img.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write("image/overlay2/repositories.json", blobs.JSON(t, map[string]any{"Repositories": repositories}))
}
