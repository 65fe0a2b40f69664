package cmd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/importers"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// layoutDir is an image that is in a layout already.
type layoutDir string

func (l layoutDir) WriteLayout(dir, _ string) error { return os.CopyFS(dir, os.DirFS(string(l))) }

// unrepaired are the images of testdata/layers of which real engines show
// something else even after a repair, and what.
func unrepaired(engine, image string) []string {
	if strings.HasPrefix(image, "acl-refused-") {
		return []string{engineRefuses}
	}
	left := map[string][]string{
		"owners-of-more-than-32-bits": {"owner-range /a uid", "owner-range /c uid gid"},
		"capability-that-is-none":     {engineRefuses},
	}
	if engine == "containers-storage" {
		left["whiteout-device"] = []string{"whiteout-device /a", "whiteout-device /b"}
	}
	return left[image]
}

// isInheritedACL is for what podman and buildah give to what is in a directory
// with a default ACL. A repair leaves that: the usual policy does not see it.
func isInheritedACL(engine, image, line string) bool {
	return engine == "containers-storage" && slices.Contains([]string{"acl-default", "acl-that-goes"}, image) &&
		strings.HasPrefix(strings.TrimPrefix(line, "masked "), "acl /") && !strings.Contains(line, " mode")
}

// TestRepairedByEngines: what real engines show of repaired hostile images is
// what their layers say, but for the root, which buildah makes itself; and by
// the usual policy nothing differs.
func TestRepairedByEngines(t *testing.T) {
	oracle.Root(t)
	for _, engine := range importers.Engines() {
		t.Run(engine.Name, func(t *testing.T) {
			expected := expectedCauses(t, engine.Name)
			unpack := oracle.Engine(t, engine.Name)
			for _, image := range layers.Hostile() {
				if !slices.ContainsFunc(expected[image.Name], isRepairable) {
					continue
				}
				t.Run(image.Name, func(t *testing.T) { checkRepairedBy(t, engine, unpack, image) })
			}
		})
	}
}

// isRepairable is for lines of testdata/engines.txt.
func isRepairable(line string) bool {
	return !strings.HasPrefix(line, "root-metadata ") && !strings.HasPrefix(line, "error: ")
}

func checkRepairedBy(t *testing.T, engine importers.Engine, unpack oracle.UnpackFunc, image layers.Image) {
	dir := t.TempDir()
	from := filepath.Join(dir, "from")
	if err := image.WriteLayout(from, "t"); err != nil {
		t.Fatal(err)
	}
	set := setting{Recipe: recipe.Recipe{Policy: policy.ComposefsRS(), Version: erofs.V1, Hash: fsverity.SHA256}, imports: importers.Options{Hash: fsverity.SHA256, Rules: importers.RulesOCI}}
	target := importers.Source{Transport: importers.OCI, Path: filepath.Join(dir, "to"), Ref: "t"}
	report, err := (&run{Streams: Streams{Err: os.Stderr}}).repair(t.Context(), set, importers.Source{Transport: importers.OCI, Path: from}, target)
	if err != nil {
		t.Fatal(err)
	}
	left := unrepaired(engine.Name, image.Name)
	if report.Prediction.Same() != (left == nil && unrepaired("containers-storage", image.Name) == nil) {
		t.Errorf("predicted is %+v", report.Prediction.Engines)
	}
	root, refusal := unpack(t, layoutDir(target.Path))
	if refusal != nil {
		if !slices.Equal(left, []string{engineRefuses}) {
			t.Error(refusal)
		}
		return
	}
	for _, p := range []policy.Policy{policy.ComposefsRS(), policy.Raw()} {
		set.Policy = p
		e := engineTest{engine, target.String(), set}
		found := slices.DeleteFunc(e.found(t, "dir:"+root), func(line string) bool {
			isHidden := p == policy.Raw() || strings.HasPrefix(line, "masked ")
			return isHidden && (strings.Contains(line, " / ") || isInheritedACL(engine.Name, image.Name, line))
		})
		if diff := cmp.Diff(left, found, cmpEmpty()); diff != "" {
			t.Errorf("%s: expected (-) and found (+) causes:\n%s", p.Root, diff)
		}
	}
}

// cmpEmpty takes no list for an empty one.
func cmpEmpty() cmp.Option {
	return cmp.Transformer("list", func(l []string) string { return strings.Join(l, "\n") })
}
