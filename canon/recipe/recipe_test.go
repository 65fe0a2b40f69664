package recipe

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/testdata/trees"
)

func recipes() map[string]Recipe {
	list := map[string]Recipe{}
	for name, p := range map[string]policy.Policy{"composefs-rs": policy.ComposefsRS(), "raw": policy.Raw()} {
		for v, text := range map[erofs.Version]string{erofs.V0: "0", erofs.V1: "1", erofs.V2: "2"} {
			list[name+", version "+text] = Recipe{Version: v, Hash: fsverity.SHA256, Policy: p}
		}
	}
	return list
}

// TestApply: the digest is that of the bytes which Write gives, whether the tree was
// fitted to the version or only the policy was applied to it.
func TestApply(t *testing.T) {
	for name, r := range recipes() {
		before := trees.Bootable()
		digest, err := r.Digest(before)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var unchanged, image bytes.Buffer
		if err := erofs.Write(&unchanged, before, erofs.Options{Version: erofs.V1}); err != nil {
			t.Fatal(err)
		}
		if err := erofs.Write(&image, trees.Bootable(), erofs.Options{Version: erofs.V1}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(unchanged.Bytes(), image.Bytes()) {
			t.Errorf("%s: Digest changed the tree", name)
		}
		prepared, policyOnly := trees.Bootable(), trees.Bootable()
		if err := r.Prepare(prepared); err != nil {
			t.Fatal(err)
		}
		if err := r.Policy.Apply(policyOnly); err != nil {
			t.Fatal(err)
		}
		for what, tree := range map[string]*canon.Tree{"prepared": prepared, "policy only": policyOnly} {
			image.Reset()
			written, err := r.Write(&image, tree)
			if err != nil || written != digest || fsverity.SumBytes(r.Hash, image.Bytes()) != digest {
				t.Errorf("%s, %s: %v, %v, want %v", name, what, written, err, digest)
			}
			if sum, err := r.Sum(tree); err != nil || sum != digest {
				t.Errorf("%s, %s: the sum is %v, %v, want %v", name, what, sum, err, digest)
			}
		}
	}
}

// TestErrors: what the policy or the format refuses has no digest.
func TestErrors(t *testing.T) {
	rootless := Recipe{Version: erofs.V1, Hash: fsverity.SHA256, Policy: policy.ComposefsRS()}
	if _, err := rootless.Digest(canon.NewTree()); err == nil {
		t.Error("a tree without /usr has a digest by a policy that needs it")
	}
	versionless := Recipe{Version: 9, Hash: fsverity.SHA256, Policy: policy.Raw()}
	if _, err := versionless.Digest(canon.NewTree()); err == nil {
		t.Error("there is a digest by version 9")
	}
}

// TestFitKeepsImages: whatever a tree is, an image tells all that fitting leaves of it.
func TestFitKeepsImages(t *testing.T) {
	written := 0
	for seed := range uint64(200) {
		tree := trees.Generator{Rand: rand.New(rand.NewPCG(seed, 2)), Algorithm: fsverity.SHA256}.Tree()
		for _, v := range []erofs.Version{erofs.V0, erofs.V1, erofs.V2} {
			r := Recipe{Version: v, Hash: fsverity.SHA256, Policy: policy.Raw()}
			want, err := r.Sum(tree)
			if err != nil {
				if _, fitted := r.Digest(tree); fitted == nil {
					t.Errorf("seed %d, version %d: only the fitted tree has an image: %v", seed, v, err)
				}
				continue
			}
			written++
			if got, err := r.Digest(tree); err != nil || got != want {
				t.Errorf("seed %d, version %d: %v, %v, want %v", seed, v, got, err, want)
			}
		}
	}
	if written < 300 {
		t.Errorf("only %d images were written", written)
	}
}
