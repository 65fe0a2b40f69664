package blobs

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
)

func Descriptor(mediaType types.MediaType, digest string, size int) map[string]any {
	return map[string]any{"mediaType": mediaType, "digest": digest, "size": size}
}

func JSON(t *testing.T, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

type ReaderFunc func([]byte) (int, error)

func (f ReaderFunc) Read(p []byte) (int, error) { return f(p) }

// CanonicalTar writes a tree whose files are all in it.
func CanonicalTar(t testing.TB, tree *canon.Tree, layer bool) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := tarfile.Write(&out, tree, tarfile.Options{Layer: layer}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
