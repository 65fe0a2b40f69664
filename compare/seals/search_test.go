package seals

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
	"cfsverify/compare"
)

// bootableSeal claims a digest of the bootable image.
func bootableSeal(digest fsverity.Digest) seal.Seal {
	return seal.Seal{Claim: seal.Claim{Role: seal.Bootable, Versions: []erofs.Version{erofs.V1}, Digest: digest}}
}

func nobodysDigest() fsverity.Digest { return fsverity.SumBytes(fsverity.SHA256, []byte("x")) }

// TestSinceTellsWho: of each path that upper layers changed it is told which entry did so.
func TestSinceTellsWho(t *testing.T) {
	image := imageOf(t, []string{
		"d usr mtime=5\nd usr/a\nf usr/a/x\nd usr/b\nf usr/b/x\nd usr/c\nf usr/c/x\nf usr/d =d\nf usr/e\nd boot\nf boot/kernel\nd sysroot\nd run",
		"d usr/f\nf usr/f/g",
		// What is put there and removed again was not changed.
		"f usr/e =e\nf usr/g\nf boot/uki",
		"f usr/.wh.a\nd usr/b\nf usr/b/.wh..wh..opq\nf usr/.wh.e\nf usr/.wh.g\nf boot/.wh.kernel",
		"l usr/c ->b\nf usr/d =other\nf usr/new/implied\nd usr mtime=6",
	})
	then := treeOf(t, image.Stack.Lowest, 2)
	got := checkOne(t, bootableSeal(digestBy(t, then, erofs.V1, booting(image.Boot))), image)
	if got.Match == nil || got.Match.Layers != 2 {
		t.Fatalf("%+v", got.Match)
	}
	var lines []string
	for _, c := range got.Match.Since {
		line := fmt.Sprintf("%s %s", c.Path, c.Status)
		if r := c.Removal; r != nil {
			line += fmt.Sprintf(" %s of %s in %d/%d", r.How, r.Path, r.Origin.Layer.Index, r.Origin.Entry)
		}
		if c.By != nil {
			line += fmt.Sprintf(" by %d/%d", c.By.Layer.Index, c.By.Entry)
		}
		lines = append(lines, line)
	}
	want := []string{
		// The policy gives these the mtime of /usr.
		"/ changed", "/boot changed", "/run changed", "/sysroot changed",
		"/usr changed by 5/4",
		"/usr/a only-in-a whiteout of /usr/a in 4/1",
		"/usr/a/x only-in-a whiteout of /usr/a in 4/1",
		"/usr/b/x only-in-a opaque of /usr/b in 4/3",
		"/usr/c changed by 5/1",
		"/usr/c/x only-in-a replaced of /usr/c in 5/1",
		"/usr/d changed by 5/2",
		"/usr/e only-in-a whiteout of /usr/e in 4/4",
		"/usr/new only-in-b by 5/3",
		"/usr/new/implied only-in-b by 5/3",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// TestUsualBeforeOlder: a digest that the image itself has by a usual recipe is no older
// state's, although a layer that changed nothing has it too.
func TestUsualBeforeOlder(t *testing.T) {
	image := imageOf(t, append(sealedLayers[:3:3], "d usr mode=755 pax:mtime=7.5"))
	got := checkOne(t, bootableSeal(digestBy(t, image.Tree, erofs.V2, booting(image.Boot))), image)
	if m := got.Match; m == nil || m.Layers != 4 || m.Recipe.Version != erofs.V2 || m.Since != nil {
		t.Errorf("%+v", got.Match)
	}
}

// TestSearchTimeout: when time runs out, verdicts stay, and what was looked for is told.
func TestSearchTimeout(t *testing.T) {
	image := sealedImage(t)
	right := bootableSeal(digestBy(t, image.Tree, erofs.V1, booting(image.Boot)))
	alone := seal.Seal{Layer: 2, Claim: seal.Claim{Role: seal.Layer, Versions: []erofs.Version{erofs.V1}, Digest: nobodysDigest()}}
	config := seal.Seal{Claim: seal.Claim{Role: seal.Config, Digest: nobodysDigest()}}
	found := []seal.Seal{right, bootableSeal(nobodysDigest()), alone, config}
	result, err := Check(t.Context(), found, []Subject{image}, Options{Search: true, Timeout: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []State{Good, Wrong, Wrong, Wrong} {
		c := result.Seals[i]
		var late *TimeoutError
		if isLate := errors.As(c.SearchErr, &late) && late.Timeout == 1; c.State != want || isLate != (i == 1 || i == 2) || c.Searched || c.Match != nil {
			t.Errorf("seal %d: %+v", i, c)
		}
	}
	// What is found in time is told.
	result, err = Check(t.Context(), found, []Subject{image}, Options{Search: true, Timeout: time.Hour})
	if err != nil || !result.Seals[1].Searched || result.Seals[1].SearchErr != nil {
		t.Errorf("%+v, %v", result, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if result, err := Check(ctx, found, []Subject{image}, Options{Search: true, Timeout: time.Hour}); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", result, err)
	}
	// Nobody looks for anything where all is right.
	if _, err := Check(ctx, found[:1], []Subject{image}, Options{Search: true}); err != nil {
		t.Error(err)
	}
}

// TestFoundBeforeTimeout: a match that was found stays when time runs out for others.
func TestFoundBeforeTimeout(t *testing.T) {
	image := sealedImage(t)
	known := digestBy(t, treeOf(t, image.Stack.Lowest, 2), erofs.V1, booting(image.Boot))
	checked := []Checked{{Seal: bootableSeal(known), State: Wrong}, {Seal: bootableSeal(nobodysDigest()), State: Wrong}}
	s := &sealCheck{Subject: image, seals: []*Checked{&checked[0], &checked[1]}, images: wanted{}, alone: map[int]wanted{}}
	if err := s.search(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.setMatches(&TimeoutError{1})
	if c := checked[0]; c.Match == nil || !c.Searched || c.SearchErr != nil {
		t.Errorf("found: %+v", c)
	}
	if c := checked[1]; c.Match != nil || c.Searched || c.SearchErr == nil {
		t.Errorf("not found: %+v", c)
	}
}

// TestSearchCost: layers that change the same files again and again cost the same however
// many there are below them.
func TestSearchCost(t *testing.T) {
	cost := func(layers int) float64 {
		specs := []string{"d usr mtime=5\nd boot\nd sysroot\nd run"}
		for i := range layers {
			spec := ""
			for file := range 20 {
				spec += fmt.Sprintf("f usr/%d mtime=%d\n", file, i)
			}
			specs = append(specs, spec)
		}
		image := imageOf(t, specs)
		return testing.AllocsPerRun(1, func() {
			if got := checkOne(t, bootableSeal(nobodysDigest()), image); got.Match != nil || !got.Searched {
				t.Fatalf("%+v", got)
			}
		})
	}
	// What does not depend on the number of layers is in all of them.
	few, more, many := cost(32), cost(64), cost(128)
	t.Logf("allocations for 32 layers %v, for 64 %v, for 128 %v", few, more, many)
	if many-more > 2.25*(more-few) {
		t.Errorf("allocations for 32 layers %v, for 64 %v, for 128 %v", few, more, many)
	}
}

// TestOlderStatesCost: where each layer adds files, older states are tried from the newest
// on, as far as their cost grows no faster than the image; and it is told from where on they
// were not.
func TestOlderStatesCost(t *testing.T) {
	cost := func(layers int) (allocations float64, untried int) {
		image := imageOf(t, growing(layers))
		return testing.AllocsPerRun(1, func() {
			got := checkOne(t, bootableSeal(nobodysDigest()), image)
			var e *UntriedError
			if errors.As(got.SearchErr, &e) {
				untried = e.Layers
			}
			if got.Match != nil || got.Searched != (untried == 0) {
				t.Fatalf("%+v", got)
			}
		}), untried
	}
	_, few := cost(120)
	half, some := cost(200)
	whole, many := cost(400)
	t.Logf("allocations for 200 layers %v, for 400 %v; not tried %d of 120, %d of 200, %d of 400", half, whole, few, some, many)
	if few != 0 || some == 0 || some > 130 || many < 300 || many > 340 {
		t.Errorf("not tried: %d of 120, %d of 200, %d of 400", few, some, many)
	}
	if whole > 2.3*half {
		t.Errorf("allocations for 200 layers %v, for 400 %v", half, whole)
	}
}

// growing are layers that add ten files each.
func growing(layers int) []string {
	specs := []string{"d usr mtime=5\nd boot\nd sysroot\nd run"}
	for i := range layers - 1 {
		spec := fmt.Sprintf("d usr/%d\n", i)
		for file := range 9 {
			spec += fmt.Sprintf("f usr/%d/%d\n", i, file)
		}
		specs = append(specs, spec)
	}
	return specs
}

// TestNewestStateOfMany: however many layers there are, the newest states are tried.
func TestNewestStateOfMany(t *testing.T) {
	image := imageOf(t, growing(300))
	for _, layers := range []int{299, 270} {
		got := checkOne(t, bootableSeal(digestBy(t, treeOf(t, image.Stack.Lowest, layers), erofs.V1, booting(image.Boot))), image)
		if got.Match == nil || got.Match.Layers != layers || got.SearchErr != nil {
			t.Errorf("%d layers: %+v", layers, got)
		}
	}
}

// TestRemovalsNeedNoLayer: a path that is gone, though no layer removed it, is told.
func TestRemovalsNeedNoLayer(t *testing.T) {
	image := sealedImage(t)
	then := treeOf(t, image.Stack.Lowest, 2)
	digest := digestBy(t, then, erofs.V1, booting(image.Boot))
	image.Tree.Root.Child("usr").Node.Remove("new")
	got := checkOne(t, bootableSeal(digest), image)
	if got.Match == nil {
		t.Fatalf("%+v", got)
	}
	for _, c := range got.Match.Since {
		if c.Status == compare.OnlyInA && (c.Path != "/usr/new" || c.Removal != nil || c.By != nil) {
			t.Errorf("%+v", c)
		}
	}
}
