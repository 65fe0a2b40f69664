package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/testdata/trees"
)

// disturb changes a tree in a few places.
func disturb(t *canon.Tree, g trees.Generator) {
	donor := g.Tree()
	var dirs []*canon.Node
	for e := range t.Dirents() {
		if e.Node.Kind == canon.Directory {
			dirs = append(dirs, e.Node)
		}
	}
	for range 1 + g.IntN(6) {
		dir := dirs[g.IntN(len(dirs))]
		children := dir.Children()
		if len(children) == 0 {
			dir.Put(canon.Dirent{Name: "new", Node: donor.Root})
			donor = g.Tree()
			continue
		}
		e := children[g.IntN(len(children))]
		switch g.IntN(6) {
		case 0:
			dir.Remove(e.Name)
		case 1:
			e.Node.Mtime.Nsec = uint32(g.IntN(1000))
		case 2:
			e.Node.Perm ^= 0o22
			e.Node.Xattrs.Set("user.new", "x")
		case 3:
			if e.Node.Kind != canon.Directory {
				n := *e.Node
				dir.Put(canon.Dirent{Name: e.Name, Node: &n})
			}
		case 4:
			if e.Node.Kind != canon.Directory {
				dirs[g.IntN(len(dirs))].Put(canon.Dirent{Name: "link", Node: e.Node})
			}
		case 5:
			dir.Put(canon.Dirent{Name: e.Name, Node: &canon.Node{Kind: canon.Symlink, Target: "x"}})
		}
	}
	if g.IntN(2) == 0 {
		t.CountLinks()
	}
}

// TestPatchOfRandomTrees: whatever two trees are, patching all findings gives
// the other one's image, and patching none leaves the tree as it is.
func TestPatchOfRandomTrees(t *testing.T) {
	tried := 0
	for seed := range uint64(400) {
		g := trees.Generator{Rand: rand.New(rand.NewPCG(seed, 1)), Algorithm: fsverity.SHA256}
		a := g.Tree()
		b := a.Clone()
		if seed%3 == 0 {
			b = g.Tree()
		}
		disturb(b, g)
		recipe := recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA256, Policy: policy.Raw()}
		switch seed % 4 {
		case 0, 2:
			recipe.Writer = erofs.Mkcomposefs
		case 1:
			recipe.Version = erofs.V2
		}
		if _, err := recipe.Digest(b); err != nil {
			// composefs-rs has no hardlinked whiteouts.
			continue
		}
		want, err := recipe.Digest(a)
		if err != nil {
			continue
		}
		tried++
		p := proving(t, a, b, recipe)
		proof, err := Prove(context.Background(), p)
		if err != nil || !proof.Complete || proof.Digest != p.Digest {
			t.Fatalf("seed %d: %v, complete %v, %v", seed, err, proof.Complete, p.Findings)
		}
		var least []blame.Finding
		for _, f := range p.Findings {
			if slices.Contains(proof.Smallest, f.Cause) {
				least = append(least, f)
			}
		}
		if got, err := p.patched(least); err != nil || got != p.Digest {
			t.Errorf("seed %d: %q do not make the digests equal: %v", seed, proof.Smallest, err)
		}
		for _, cause := range proof.Smallest {
			if got, err := p.patched(p.without(least, cause)); err == nil && got == p.Digest {
				t.Errorf("seed %d: %q are not the least: %s", seed, proof.Smallest, cause)
			}
		}
		if got, err := p.patched(nil); err != nil || got != want {
			t.Fatalf("seed %d: the patch of nothing changes the tree: %v", seed, err)
		}
	}
	if tried < 300 {
		t.Errorf("only %d pairs of trees have images", tried)
	}
}

// proving compares two trees as a command would.
func proving(t *testing.T, a, b *canon.Tree, recipe recipe.Recipe) Proving {
	t.Helper()
	p := Proving{A: a, B: b, RecipeA: recipe, RecipeB: recipe}
	policyA, policyB := a.Clone(), b.Clone()
	for _, side := range []*canon.Tree{policyA, policyB} {
		digest, err := recipe.Apply(side)
		if err != nil {
			t.Fatal(err)
		}
		p.Digest = digest
	}
	p.Differences = compare.Trees(policyA, policyB)
	p.Findings = blame.Explain(blame.Comparison{A: policyA, B: policyB, NameA: "inside", NameB: "outside", Differences: p.Differences, Policy: recipe.Policy})
	return p
}

// TestSmallest: what the policy copies need not be patched.
func TestSmallest(t *testing.T) {
	a, b := trees.Rootfs(), trees.Rootfs()
	a.Lookup("/usr").Node.Mtime.Nsec = 5
	a.Lookup("/empty").Node.Perm = 0o600
	p := proving(t, a, b, recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA256, Policy: policy.ComposefsRS()})
	want := []string{"derived / mtime-nsec", "derived /run mtime-nsec", "subsecond-mtime /usr mtime-nsec", "unexplained /empty mode"}
	var found []string
	for _, f := range p.Findings {
		for _, e := range f.Entries {
			for _, c := range e.Explained {
				found = append(found, fmt.Sprintf("%s %s %s", f.Cause, e.Path, c.Field))
			}
		}
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Fatal(diff)
	}
	proof, err := Prove(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	least := []blame.Cause{blame.SubsecondMtime, blame.Unexplained}
	if diff := cmp.Diff(least, proof.Smallest); diff != "" || !proof.Complete || cmp.Diff(least, proof.Needed) != "" {
		t.Errorf("complete %v, needed %q, smallest: %s", proof.Complete, proof.Needed, diff)
	}
}

// TestIncomplete: findings that leave something out do not make the digests
// equal.
func TestIncomplete(t *testing.T) {
	a, b := trees.Rootfs(), trees.Rootfs()
	a.Lookup("/empty").Node.Perm = 0o600
	a.Lookup("/dir/large").Node.Mtime.Sec = 9
	p := proving(t, a, b, recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA256, Policy: policy.Raw()})
	for i := range p.Findings {
		p.Findings[i].Entries = p.Findings[i].Entries[1:]
	}
	proof, err := Prove(context.Background(), p)
	if err != nil || proof.Complete || proof.Smallest != nil {
		t.Errorf("%v, %+v", err, proof)
	}
}

func breakHardlinks(t *canon.Tree) {
	p := policy.Raw()
	p.Links = policy.LinksBreak
	// The rule cannot fail.
	_ = p.Apply(t)
}

func TestEffects(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*canon.Tree)
		policy policy.Policy
		want   string
	}{
		"nanoseconds": {func(t *canon.Tree) { t.Lookup("/empty").Node.Mtime.Nsec = 5 }, policy.ComposefsRS(), "mtime s: subsecond-mtime"},
		"user xattr":  {func(t *canon.Tree) { t.Lookup("/empty").Node.Xattrs.Set("user.x", "") }, policy.Raw(), "xattrs allowlist: xattr-encoding; xattrs none: xattr-encoding"},
		"hardlink":    {breakHardlinks, policy.Raw(), "hardlinks break: hardlink-broken"},
		"root":        {func(t *canon.Tree) { t.Root.Perm = 0o700 }, policy.Raw(), "root usr: root-metadata; root tar-or-newest: root-metadata; root newest: root-metadata; root newest-in-root: root-metadata; root oldest-in-root: root-metadata; root epoch: root-metadata"},
		"content":     {func(t *canon.Tree) { t.Lookup("/symlink").Node.Target = "x" }, policy.ComposefsRS(), ""},
		"file in /run": {func(t *canon.Tree) {
			t.Lookup("/run").Node.Put(canon.Dirent{Name: "x", Node: &canon.Node{Kind: canon.FIFO, Nlink: 1}})
		}, policy.Raw(), "run empty: engine-file"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := trees.Rootfs(), trees.Rootfs()
			tt.change(a)
			p := proving(t, a, b, recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA256, Policy: tt.policy})
			proof, err := Prove(context.Background(), p)
			if err != nil || !proof.Complete {
				t.Fatal(err, proof.Complete)
			}
			var effects []string
			for _, f := range proof.Effects {
				text := string(f.Part) + " " + f.Word + ":"
				for _, c := range f.Removes {
					text += " " + string(c)
				}
				effects = append(effects, text)
				if f.DigestA != f.DigestB {
					t.Errorf("%s leaves the digests different", text)
				}
			}
			if got := strings.Join(effects, "; "); got != tt.want {
				t.Errorf("effects %q, want %q", got, tt.want)
			}
		})
	}
}
