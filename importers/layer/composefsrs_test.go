package layer_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/dumpfile"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/trees"
)

// topmost is the layer above those of a case: cfsctl refuses what has no /usr.
const topmost = "d usr"

// TestComposefsRules: what cases say of composefs-rs is what the layer rules of that
// name do, unless the layer is one that is not read.
func TestComposefsRules(t *testing.T) {
	for i, c := range hostileCases {
		t.Run(fmt.Sprintf("%s/%d", c.rule, i), func(t *testing.T) {
			want, refused := c.byComposefs()
			checkComposefsRules(t, c.writeLayout(t), want, refused)
		})
	}
}

func loadLayout(t *testing.T, dir string, rules layer.Rules) (*importers.Import, error) {
	t.Helper()
	s := source.Source{Transport: source.OCI, Path: dir}
	return importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256, Rules: rules, Limits: limits.Default()})
}

// checkComposefsRules compares what our rules of that name make of a layout. All rules
// refuse alike what is not read.
func checkComposefsRules(t *testing.T, dir, want string, refused bool) {
	t.Helper()
	got, err := loadLayout(t, dir, layer.RulesComposefsRS)
	if err != nil {
		_, unread := loadLayout(t, dir, layer.RulesOCI)
		if !refused && (unread == nil || unread.Error() != err.Error()) {
			t.Errorf("the rules: %v", err)
		}
		return
	}
	if refused {
		t.Error("the rules accept it")
	} else if text := belowTopmost(trees.Text(got.Tree)); text != belowTopmost(trees.Lines(want)) {
		t.Errorf("the rules give\n%swant\n%s", text, belowTopmost(trees.Lines(want)))
	}
}

// TestCfsctlLayers: what cases say of composefs-rs is what cfsctl makes of them.
func TestCfsctlLayers(t *testing.T) {
	shared := oracle.NewComposefs(t, "sha256")
	for i, c := range hostileCases {
		t.Run(fmt.Sprintf("%s/%d", c.rule, i), func(t *testing.T) {
			t.Parallel()
			cfsctl := shared
			if c.store != nil {
				// A layer of the same diffID would not be read again.
				cfsctl = oracle.NewComposefs(t, "sha256")
			}
			dir := c.writeLayout(t)
			want, refused := c.byComposefs()
			checkCfsctl(t, cfsctl, dir, fmt.Sprintf("hostile-%d", i), want, refused)
		})
	}
	for i, c := range layers.ApplyCases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "layout")
			if err := (layers.Image{Layers: append(slices.Clone(c.Layers), topmost)}).WriteLayout(dir, "t"); err != nil {
				t.Fatal(err)
			}
			want := c.Composefs
			switch want {
			case "":
				want = c.OCI
			case "-":
				want = ""
			}
			refused := strings.HasPrefix(want, "error: ")
			checkCfsctl(t, shared, dir, fmt.Sprintf("apply-%d", i), want, refused)
		})
	}
}

// TestCfsctlBytes: whatever byte of an archive is another one, cfsctl does what the
// layer rules composefs-rs do, unless the archive is one that is not read.
func TestCfsctlBytes(t *testing.T) {
	cfsctl := oracle.NewComposefs(t, "sha256")
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	whole := layers.Tar("d d size=512\nf hidden\nf d/f =content mtime=-9 pax:uid=7 pax:mtime=5.25 pax:size=7 pax:path=d/f pax:SCHILY.xattr.user.y=\n" +
		"d e pax:size=1\nf hidden-too\nh d/h K=d/f\nf .wh.x\nl l pax:linkpath=yy\nb c dev=1,3 magic=gnu\nf e/.wh..wh..opq")
	for i := range 200 {
		archive := bytes.Clone(whole)
		at := r.IntN(len(archive))
		if in := at % 512; in >= 100 && in < 108 {
			// The dumps of cfsctl say another type for some modes.
			continue
		}
		archive[at] = []byte{0xff, archive[at] ^ 1, 0, ' ', '+', 0x80, 's', '-'}[r.IntN(8)]
		if in := at % 512; in < 148 || in >= 156 {
			layers.ResumAll(archive)
		}
		t.Run(fmt.Sprintf("%d-%d", at, archive[at]), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "layout")
			if err := (layers.Archives{archive, layers.Tar(topmost)}).WriteLayout(dir, "t"); err != nil {
				t.Fatal(err)
			}
			got, err := loadLayout(t, dir, layer.RulesComposefsRS)
			if err == nil {
				kept := policy.Raw()
				kept.Xattrs = policy.XattrUser
				if err := kept.Apply(got.Tree); err != nil {
					t.Fatal(err)
				}
				checkCfsctl(t, cfsctl, dir, fmt.Sprintf("bytes-%d", i), trees.Text(got.Tree), false)
			} else if _, unread := loadLayout(t, dir, layer.RulesOCI); unread == nil || unread.Error() != err.Error() {
				checkCfsctl(t, cfsctl, dir, fmt.Sprintf("bytes-%d", i), "", true)
			}
		})
	}
}

// writeLayout writes the case's layers, with the topmost one.
func (c *hostileCase) writeLayout(t *testing.T) string {
	t.Helper()
	archives, stored := c.archives()
	if c.store == nil {
		dir := filepath.Join(t.TempDir(), "layout")
		if err := append(archives, layers.Tar(topmost)).WriteLayout(dir, "t"); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	mediaType := types.OCILayer
	if strings.HasPrefix(string(stored), "\x28\xb5\x2f\xfd") {
		mediaType = types.OCILayerZStd
	}
	m := newLayoutMaker(t)
	top := layers.Tar(topmost)
	m.manifest["layers"] = []any{
		blobs.Descriptor(mediaType, m.blob(t, stored), len(stored)),
		blobs.Descriptor(types.OCIUncompressedLayer, m.blob(t, top), len(top)),
	}
	m.config["rootfs"].(map[string]any)["diff_ids"] = []any{blobs.Digest(archives[0]).String(), blobs.Digest(top).String()}
	m.finish(t)
	return m.dir
}

// checkCfsctl compares what cfsctl makes of a layout with a tree that is not fitted to
// any policy: the root and xattrs other than user.* do not count.
func checkCfsctl(t *testing.T, cfsctl *oracle.Composefs, dir, name, want string, refused bool) {
	t.Helper()
	options := oracle.ComposefsOptions{UserXattrs: true}
	err := cfsctl.Pull(dir, name)
	if err == nil {
		// cfsctl reads some images whose dump cannot be read, and writes only now.
		_, err = cfsctl.ImageDigest(name, options)
	}
	switch {
	case err != nil && !refused:
		t.Errorf("cfsctl: %v", err)
	case err == nil && refused:
		t.Error("cfsctl accepts it")
	}
	if err != nil || refused {
		return
	}
	dump, err := cfsctl.ImageDump(name, options)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(want, "/") {
		lines := strings.SplitAfter(dump, "\n")
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "/ ") || strings.HasPrefix(l, "/usr ") })
		if got := strings.Join(lines, ""); got != want+"\n" {
			t.Errorf("cfsctl has\n%swant\n%s", got, want)
		}
		return
	}
	tree, err := dumpfile.Parse(strings.NewReader(dump), dumpfile.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, dump)
	}
	if got := belowTopmost(trees.Text(tree)); got != belowTopmost(trees.Lines(want)) {
		t.Errorf("cfsctl has\n%swant\n%s", got, belowTopmost(trees.Lines(want)))
	}
}

// belowTopmost leaves out of a tree what the topmost layer and the policy bring.
func belowTopmost(text string) string {
	var out strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(text, " implicit", "")) {
		if line != topmost+"\n" && !strings.HasPrefix(line, "d / ") && line != "d /\n" {
			out.WriteString(line)
		}
	}
	return out.String()
}

// TestCfsctlImages: what hostileImages says of composefs-rs is what cfsctl does. Each
// has a repository of its own: what is wrong stays in it.
func TestCfsctlImages(t *testing.T) {
	for i, c := range hostileImages {
		if c.composefs == "untried" {
			continue
		}
		t.Run(fmt.Sprintf("%s/%d", c.rule, i), func(t *testing.T) {
			t.Parallel()
			m := newLayoutMaker(t)
			c.change(t, m)
			m.finish(t)
			err := oracle.NewComposefs(t, "sha256").Pull(m.dir, "image")
			if refused := c.byComposefs(); refused != (err != nil) {
				t.Errorf("error %v, want one: %v", err, refused)
			}
		})
	}
}
