package rewrite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
	"cfsverify/importers"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/rewrite"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/images"
)

// TestContradictingArtifacts: what seal check reads of the image, seal write
// replaces, or it refuses to write.
func TestContradictingArtifacts(t *testing.T) {
	for _, artifactType := range []string{"", string(types.OCIEmptyJSON), seal.ArtifactType} {
		from, to := sealTestImage(t)
		first, _ := sealedBy(t, from, to, rewrite.SealPlaces{Artifact: true}, saidDigests())
		images.ChangeIndex(t, to.Path, func(all []v1.Descriptor) []v1.Descriptor {
			all[1].ArtifactType = artifactType
			return all
		})
		sealed, _ := sealedBy(t, from, to, rewrite.SealPlaces{Artifact: true}, rewrite.SealDigests{Merged: fsverity.SumBytes(fsverity.SHA256, []byte("another"))})
		if diff := cmp.Diff([]v1.Hash{first.Artifact.Digest}, sealed.Replaced); diff != "" {
			t.Errorf("%q: %s", artifactType, diff)
		}
		if list := images.Listed(t, to.Path); len(list) != 2 {
			t.Errorf("%q: listed are %q", artifactType, list)
		}
	}
	// An index that is tagged as the image's referrers is not ours to change.
	from, to := sealTestImage(t)
	first, _ := sealedBy(t, from, to, rewrite.SealPlaces{Artifact: true}, saidDigests())
	w := images.OpenLayout(t, source.Source{Transport: source.OCI, Path: to.Path, Ref: image.ReferrersTag(first.Manifest.Digest)})
	tagged, err := w.WriteBytes(types.OCIImageIndex, blobs.JSON(t, v1.IndexManifest{SchemaVersion: 2, Manifests: []v1.Descriptor{*first.Artifact}}))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context(), tagged); err != nil {
		t.Fatal(err)
	}
	before := images.Read(t, to.Path, "index.json")
	sealedBy(t, from, to, rewrite.SealPlaces{Artifact: true}, saidDigests())
	if after := images.Read(t, to.Path, "index.json"); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	refuse := func(want string) {
		t.Helper()
		w := images.OpenLayout(t, to)
		_, err := writeSeals(t.Context(), from, w, rewrite.SealPlaces{Artifact: true}, func() (rewrite.SealDigests, error) {
			return rewrite.SealDigests{Merged: fsverity.SumBytes(fsverity.SHA256, []byte("another"))}, nil
		},
			importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Limits: limits.Default()})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	refuse("the artifact " + first.Artifact.Digest.String() + " has other digests of the same image, and is listed in the index that is tagged " + image.ReferrersTag(first.Manifest.Digest))
	if err := os.Remove(filepath.Join(to.Path, images.File(first.Artifact.Digest))); err != nil {
		t.Fatal(err)
	}
	refuse("repair that, or write to another layout")
}
