package importers_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/testdata/mutants"
	"cfsverify/testdata/oracle"
)

// difference is a rule of LAYERS.md by which one program takes what the other refuses,
// known by what that says.
type difference struct {
	rule, refusal string
	// changed is a change that must be there.
	changed string
}

// onlyCfsctl are what we refuse and cfsctl takes. Of several that fit the first counts.
var onlyCfsctl = []difference{
	{rule: "dot-dot", refusal: `the name has a "\.\." component`},
	{rule: "nul-in-name", refusal: "the name holds a NUL byte"},
	{rule: "long-component", refusal: "the name has [0-9]+ bytes, the limit is"},
	{rule: "symlink-target-limits", refusal: "a symlink's target has 1 to 4095 bytes"},
	{rule: "whiteout-of-nothing-named", refusal: `entry [0-9]+ "(.*/)?\.wh\.": names that begin with`},
	{rule: "whiteout-of-dots", refusal: `entry [0-9]+ "(.*/)?\.wh\.\.\.?": names that begin with`},
	{rule: "link-to-whiteouted", refusal: "the hardlink's target .* is not there"},
	{rule: "sparse-lone", refusal: "sparse files are not supported"},
	{rule: "pax-global-between", refusal: "a global PAX header stands between"},
	{rule: "pax-global-between", refusal: "the PAX record .* is not valid|a PAX record is not valid", changed: `"x" ".*" "g" "`},
	{rule: "pax-no-key", refusal: `the PAX record "=.*" is not valid`},
	{rule: "pax-length", refusal: "a PAX record is not valid: its length is wrong"},
	{rule: "time-huge", refusal: "the (PAX )?mtime .* is (out of range|no number of seconds)"},
	{rule: "number-malformed", refusal: "the (mode|uid|gid|size|mtime|devmajor|devminor) .* (is no octal number|is out of range|below zero)|the checksum .* is no octal number|the PAX (uid|gid|size) .* is no decimal number of 63 bits"},
	{rule: "device-number", refusal: "the device number .* does not fit an image"},
	{rule: "xattr-limits", refusal: "an xattr name has 1 to 255 bytes|xattr .* has [0-9]+ bytes, the limit is"},
	{rule: "size-without-content", refusal: "this is no tar header"},
	{rule: "ustar-version", refusal: "the version .* of the ustar format is not known"},
	{rule: "zero-block-inside", refusal: "is followed by other data: tools disagree"},
	{rule: "diff-id", refusal: "the uncompressed layer is not the one that the config names"},
	{rule: "attached-first", refusal: "the index lists no image|the index lists .* before the image .*, and readers differ"},
	{rule: "several-images", refusal: "there are several images: name one of"},
	{rule: "member-case", refusal: "in another case, and readers differ"},
	{rule: "member-twice", refusal: "is there twice"},
	{rule: "two-kinds", refusal: "and readers differ about what this is|is both"},
	{rule: "media-type-own", refusal: "while what leads to the document says|which is not of an image index"},
	{rule: "json-malformed", refusal: "is not valid: invalid (UTF-8|surrogate pair)"},
	{rule: "whiteout-after-own-entry", refusal: "/run is a .*, so it cannot be emptied"},
	{rule: "created-malformed", refusal: `member "/created"`},
}

// onlyWe are what cfsctl refuses and we take.
var onlyWe = []difference{
	{rule: "media-type-compression", refusal: "Failed to import layer .*(Invalid gzip header|Unknown frame descriptor|invalid octal field|unexpected EOF in tar stream|invalid size)"},
	{rule: "media-type-compression", refusal: "header error: checksum mismatch", changed: "another compression|a header of gzip|a layer of type|gzip, then zstd|compressed twice"},
	{rule: "missing-member", refusal: "missing field `(os|architecture|schemaVersion|type)`|invalid type: null, expected"},
	{rule: "other-platform", refusal: "No manifest found for platform"},
}

// known says that a rule tells of the refusal.
func known(list []difference, m *mutants.Layout, what string, refusal error) mutantResult {
	fits := func(pattern, text string) bool { return regexp.MustCompile("(?s)" + pattern).MatchString(text) }
	i := slices.IndexFunc(list, func(d difference) bool {
		return fits(d.refusal, refusal.Error()) && fits(d.changed, strings.Join(m.Changes, "\n"))
	})
	if i < 0 {
		return mutantResult{fault: fmt.Errorf("%s: %w", what, refusal)}
	}
	return mutantResult{rule: list[i].rule}
}

// mutantResult is what became of a mutant: the rule by which only one program takes it,
// and whether both do.
type mutantResult struct {
	rule  string
	taken bool
	fault error
}

// tryMutant asks cfsctl and us.
func tryMutant(t *testing.T, c *oracle.Composefs, m *mutants.Layout) mutantResult {
	t.Helper()
	// In memory that costs no disk.
	dir, err := os.MkdirTemp("/dev/shm", "cfsverify-mutant-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	dir = filepath.Join(dir, "layout")
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := c.Clear(); err != nil {
		t.Fatal(err)
	}
	theirs, refusal := "", c.Pull(dir, "mutant")
	if refusal == nil {
		theirs, refusal = c.ImageDigest("mutant", oracle.ComposefsOptions{Version: 1})
	}
	digest := recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA256, Policy: policy.ComposefsRS()}
	load := func(rules layer.Rules) (read *importers.Import, sum string, err error) {
		s := importers.Source{Transport: importers.OCI, Path: dir}
		read, err = importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256, Rules: rules, Limits: limits.Default()})
		if err != nil {
			return nil, "", err
		}
		d, err := digest.Digest(read.Tree)
		return read, d.String(), err
	}
	_, byTheirRules, err := load(layer.RulesComposefsRS)
	switch {
	case refusal == nil && err == nil && byTheirRules != theirs:
		return mutantResult{fault: fmt.Errorf("by the rules composefs-rs the digest is %s, cfsctl has %s", byTheirRules, theirs)}
	case refusal == nil && err != nil:
		return known(onlyCfsctl, m, "cfsctl takes it", err)
	case refusal != nil && err == nil:
		return known(onlyWe, m, "cfsctl refuses it", refusal)
	}
	read, byOurs, ourErr := load(layer.RulesOCI)
	switch {
	case refusal == nil && ourErr != nil:
		return known(onlyCfsctl, m, "cfsctl takes it", ourErr)
	case ourErr != nil:
		return mutantResult{}
	case refusal == nil && byOurs != theirs && read.Other == nil:
		return mutantResult{fault: fmt.Errorf("by the rules oci the digest is %s, and nothing tells that cfsctl has %s", byOurs, theirs)}
	case refusal == nil:
		return mutantResult{taken: true}
	case read.Other == nil:
		return known(onlyWe, m, "the rules oci take it, and nothing tells that cfsctl refuses it", refusal)
	case read.Other.Err == nil:
		// What no image can hold is told when it gets a digest.
		if _, err := digest.Digest(read.Other.Tree); err == nil {
			return mutantResult{fault: fmt.Errorf("it is told that cfsctl takes it: %w", refusal)}
		}
	}
	return mutantResult{}
}

// TestCfsctlMutants: OCI layouts in which something is odd are taken by cfsctl and by us, and
// give one digest, or a rule of LAYERS.md says who refuses them: those of the seeds in
// testdata/mutants/layouts.txt, in which the rule is named, and 100 others. CFSVERIFY_MUTANTS
// says how long to go on with new ones, as 10m.
func TestCfsctlMutants(t *testing.T) {
	documented, err := os.ReadFile("layer/LAYERS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range slices.Concat(onlyCfsctl, onlyWe) {
		if !strings.Contains(string(documented), "\n| `"+d.rule+"` |") {
			t.Errorf("%s is not in LAYERS.md", d.rule)
		}
	}
	kept := mutants.Kept(t, "../testdata/mutants/layouts.txt")
	var lock sync.Mutex
	rules, taken, tried := map[string][]uint64{}, 0, 0
	mutants.Each(t, kept, 100, func() func(seed uint64) {
		c := oracle.NewComposefs(t, "sha256")
		return func(seed uint64) {
			m := mutants.NewLayout(seed)
			r := tryMutant(t, c, m)
			lock.Lock()
			defer lock.Unlock()
			tried++
			if r.taken {
				taken++
			}
			if r.rule != "" {
				rules[r.rule] = append(rules[r.rule], seed)
			}
			want, isKept := kept[seed]
			switch {
			case r.fault != nil:
				t.Errorf("seed %d, %s: %v", seed, strings.Join(m.Changes, "; "), r.fault)
			case isKept && r.rule != want:
				t.Errorf("seed %d, %s: the rule is %q, not %q", seed, strings.Join(m.Changes, "; "), r.rule, want)
			}
		}
	})
	t.Logf("%d mutants, %d taken by both with one digest", tried, taken)
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		t.Logf("%s: %d are taken by one, such as %d", rule, len(rules[rule]), rules[rule][:min(3, len(rules[rule]))])
	}
	if taken < tried/4 {
		t.Error("too few were taken")
	}
}
