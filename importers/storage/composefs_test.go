package storage_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/importers/layer"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/reading"
	"cfsverify/testdata/storages"
)

// TestComposefsLayer: the files of a layer may be objects, whose names a composefs image
// has, as containers/storage keeps them with use_composefs.
func TestComposefsLayer(t *testing.T) {
	large := strings.Repeat("large", 100)
	spec := "d etc\nf etc/small =1\nf etc/large =" + large + "\nf etc/empty\nf .wh.gone"
	store := storages.New(t, filepath.Join(t.TempDir(), "store"))
	store.Pull(ociImage(t, "somebody", spec), "localhost/os:1")
	tree, err := layer.Apply(reading.Layers(t, strings.ReplaceAll(spec, ".wh.gone", "whiteout")), layer.RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	m := files.New(t, filepath.Join(store.Root, "overlay", store.Layers[0]["id"].(string)))
	m.Do(os.RemoveAll(m.Path("diff")))
	object := blobs.Digest([]byte(large)).Hex
	object = object[:2] + "/" + object[2:]
	files.Write(t, m.Path("diff/"+object), []byte(large))
	content := &canon.Content{}
	content.SetPayload(object)
	tree.Lookup("/etc/large").Node.Content = content
	var image bytes.Buffer
	if err := erofs.Write(&image, tree, erofs.Options{Version: erofs.V1}); err != nil {
		t.Fatal(err)
	}
	files.Write(t, m.Path("composefs-data/composefs.blob"), image.Bytes())
	want, err := openLayout(t, ociImage(t, "somebody", spec))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, store); got != want || err != nil {
		t.Errorf("got\n%swant\n%s%v", got, want, err)
	}
	for _, c := range []struct {
		want   string
		change func()
	}{
		{`"etc/large" has other content`, func() { m.Do(os.WriteFile(m.Path("diff/"+object), []byte(strings.ToUpper(large)), 0o644)) }},
		{`"etc/large" is not there`, func() { m.Do(os.Remove(m.Path("diff/" + object))) }},
		{"composefs.blob: ", func() { m.Do(os.WriteFile(m.Path("composefs-data/composefs.blob"), []byte("x"), 0o644)) }},
	} {
		c.change()
		if _, err := read(t, store); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", c.want, err)
		}
	}
}
