package erofs

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// differing says that at most one program writes the image, or that they write others.
func differing(digests map[Options]string, v Version) bool {
	a, b := digests[Options{v, ComposefsRS}], digests[Options{v, Mkcomposefs}]
	return a != b || a == refused
}

// TestCorners: there is a corner exactly if the programs do not write the same, and
// vectors that bear the name of one have no other.
func TestCorners(t *testing.T) {
	named := map[CornerKind]int{}
	for name, digests := range cornerVectors(t) {
		for _, v := range []Version{V0, V1} {
			corners := Corners(parseCorner(t, name), v)
			if differing(digests, v) != (len(corners) > 0) {
				t.Errorf("%s, version %d: %v", name, v, corners)
			}
			for _, kind := range CornerKinds() {
				if !strings.HasPrefix(name, string(kind)) || len(corners) == 0 {
					continue
				}
				named[kind]++
				if len(corners) != 1 || corners[0].Kind != kind {
					t.Errorf("%s, version %d: %v", name, v, corners)
				}
			}
		}
	}
	for _, kind := range CornerKinds() {
		if named[kind] < 2 {
			t.Errorf("%s: there are only %d images by vectors of that name", kind, named[kind])
		}
	}
}

// TestCornersOfOtherVectors: composefs-rs has its own digests of the vectors of
// mkcomposefs that have a corner, and the same of others.
func TestCornersOfOtherVectors(t *testing.T) {
	same := 0
	for _, v := range vectors(t) {
		tree := parseVector(t, v.name)
		corners := Corners(tree, v.version)
		if len(corners) == 0 {
			same++
		}
		if got := digestOrRefused(tree, Options{Version: v.version}); (got == v.verity) != (len(corners) == 0) {
			t.Errorf("%s, version %d: %v, and the digest by composefs-rs is %s", v.name, v.version, corners, got)
		}
	}
	if same < 80 {
		t.Errorf("only %d vectors have no corner", same)
	}
}

// TestCornerPaths: the first path and the number of inodes, not names, in the order of
// the kinds.
func TestCornerPaths(t *testing.T) {
	var got []string
	for _, c := range Corners(parseCorner(t, "all-corners"), V1) {
		got = append(got, fmt.Sprintf("%s %s %d", c.Kind, c.Path, c.Count))
	}
	want := []string{"time-before-1970 /t 1", "shared-xattrs /d 2", "stub-like-whiteout /ab 1", "whiteout-xattrs / 3"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if corners := Corners(parseCorner(t, "all-corners"), V2); corners != nil {
		t.Errorf("version 2 has %v", corners)
	}
}

// TestRandomCorners: there is a corner exactly if the images differ.
func TestRandomCorners(t *testing.T) {
	count := map[CornerKind]int{}
	same := 0
	for seed := range uint64(500) {
		tree := cornerTree(seed)
		for _, v := range []Version{V0, V1} {
			digests := map[Options]string{}
			for _, o := range []Options{{v, ComposefsRS}, {v, Mkcomposefs}} {
				digests[o] = digestOrRefused(tree, o)
			}
			corners := Corners(tree, v)
			if differing(digests, v) != (len(corners) > 0) {
				t.Errorf("seed %d, version %d: %v, %v", seed, v, digests, corners)
			}
			if len(corners) == 0 {
				same++
			}
			for _, c := range corners {
				count[c.Kind]++
			}
		}
	}
	for _, kind := range []CornerKind{TimeBefore1970, SharedXattrs, StubLikeWhiteout, WhiteoutXattrs, LinkedWhiteout, ACLLikeXattr} {
		if count[kind] < 20 {
			t.Errorf("%s is in %d images only", kind, count[kind])
		}
	}
	if same < 100 {
		t.Errorf("only %d images have no corner", same)
	}
}

// TestReadmeListsCorners: README has a row for each corner, with the versions in which
// the programs differ, and says who refuses.
func TestReadmeListsCorners(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "\n| corner |")
	table, _, found := strings.Cut(table, "\n\n")
	if !found {
		t.Fatal("README has no table of corners")
	}
	rows := strings.Split(table, "\n")[2:]
	if len(rows) != len(CornerKinds()) {
		t.Fatalf("%d rows for %d corners", len(rows), len(CornerKinds()))
	}
	for i, kind := range CornerKinds() {
		var versions []string
		refusing := map[Writer]bool{}
		for _, v := range []Version{V0, V1, V2} {
			differ := false
			for name, digests := range cornerVectors(t) {
				if corners := Corners(parseCorner(t, name), v); len(corners) != 1 || corners[0].Kind != kind {
					continue
				}
				differ = true
				for _, w := range Writers() {
					refusing[w] = refusing[w] || digests[Options{v, w}] == refused
				}
			}
			if differ {
				versions = append(versions, fmt.Sprint(v))
			}
		}
		cells := strings.Split(rows[i], " | ")
		if want := fmt.Sprintf("| `%s`", kind); len(cells) != 5 || cells[0] != want || cells[1] != strings.Join(versions, ", ") {
			t.Errorf("%s: want %s for versions %s", rows[i], want, versions)
			continue
		}
		for w, cell := range map[Writer]string{Mkcomposefs: cells[3], ComposefsRS: cells[4]} {
			if refusing[w] != strings.Contains(cell, "refuses") {
				t.Errorf("%s: %v refuses: %v", rows[i], w, refusing[w])
			}
		}
	}
}
