package recipe_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
)

const vectorDir = "../../testdata/vectors"

// The digests of the images that mkcomposefs makes of dump files, to which no
// policy is applied.
func TestDigestsOfReferenceWriter(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(vectorDir, "expected.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for line := range strings.Lines(string(raw)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		in, err := os.Open(filepath.Join(vectorDir, f[0]+".dump"))
		if err != nil {
			// The first line is a heading, and one vector is compressed.
			continue
		}
		tree, err := dumpfile.Parse(in, dumpfile.Options{})
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		tried++
		r := recipe.Recipe{Version: erofs.Version(f[1][0] - '0'), Writer: erofs.Mkcomposefs, Hash: fsverity.SHA256, Policy: policy.Raw()}
		digest, err := r.Digest(tree)
		if err != nil || digest.String() != f[4] {
			t.Errorf("%s: %v, %v, want %s", f[0], digest, err, f[4])
		}
		// The tree is as it was, and Apply, which changes it, gives the same.
		if digest, err := r.Apply(tree); err != nil || digest.String() != f[4] {
			t.Errorf("%s: Apply gives %v, %v, want %s", f[0], digest, err, f[4])
		}
	}
	if tried != 176 {
		t.Errorf("%d digests were compared, want 176", tried)
	}
}

// Apply changes the tree to what the image tells of it, Digest does not.
func TestApplyChangesTheTree(t *testing.T) {
	tree := canon.NewTree()
	tree.Root.Put(canon.Dirent{Name: "usr", Node: &canon.Node{Kind: canon.Directory, Perm: 0o755, Mtime: canon.Time{Sec: 1, Nsec: 5}}})
	r := recipe.Recipe{Version: erofs.V2, Hash: fsverity.SHA256, Policy: policy.ComposefsRS()}
	want, err := r.Digest(tree)
	if err != nil {
		t.Fatal(err)
	}
	if tree.Root.Perm != 0 || tree.Lookup("/usr").Node.Mtime.Nsec != 5 {
		t.Errorf("Digest changed the tree: %+v", tree.Root)
	}
	got, err := r.Apply(tree)
	if err != nil || got != want {
		t.Errorf("Apply gives %v, %v, want %v", got, err, want)
	}
	// The policy gives the root what /usr has, and version 2 has no nanoseconds.
	if tree.Root.Perm != 0o755 || tree.Root.Mtime != (canon.Time{Sec: 1}) || tree.Lookup("/usr").Node.Mtime.Nsec != 0 {
		t.Errorf("the tree is not what the image tells: %+v", tree.Root)
	}
}

func TestDigestErrors(t *testing.T) {
	r := recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA256, Policy: policy.ComposefsRS()}
	if _, err := r.Digest(canon.NewTree()); err == nil || !strings.Contains(err.Error(), "/usr") {
		t.Errorf("a tree that the policy does not fit: %v", err)
	}
	tree := canon.NewTree()
	tree.Root.Put(canon.Dirent{Name: "link", Node: &canon.Node{Kind: canon.Symlink}})
	r.Policy = policy.Raw()
	if _, err := r.Digest(tree); err == nil || !strings.Contains(err.Error(), "link") {
		t.Errorf("a tree that no image can hold: %v", err)
	}
}

func ExampleRecipe_Digest() {
	tree := canon.NewTree()
	usr := &canon.Node{Kind: canon.Directory, Perm: 0o755, Mtime: canon.Time{Sec: 1700000000}}
	tree.Root.Put(canon.Dirent{Name: "usr", Node: usr})
	usr.Put(canon.Dirent{Name: "issue", Node: &canon.Node{Kind: canon.Symlink, Perm: 0o777, Target: "../etc/issue"}})
	tree.CountLinks()
	r := recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA512, Policy: policy.ComposefsRS()}
	before, err := r.Digest(tree)
	if err != nil {
		fmt.Println(err)
		return
	}
	usr.Child("issue").Node.Target = "/etc/issue"
	after, err := r.Digest(tree)
	fmt.Println(before == after, err)
	// Output:
	// false <nil>
}
