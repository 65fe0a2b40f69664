package engine

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/scan"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/reading"
	"cfsverify/testdata/trees"
)

// TestUnpackAgreesWithEngines: what Unpack gives is what a scan sees of what
// the engine unpacked, and both refuse the same images.
func TestUnpackAgreesWithEngines(t *testing.T) {
	oracle.Root(t)
	for _, engine := range Engines() {
		t.Run(engine.Name, func(t *testing.T) {
			unpack := oracle.Engine(t, engine.Name)
			for _, image := range layers.Hostile() {
				t.Run(image.Name, func(t *testing.T) { checkUnpack(t, engine, unpack, image) })
			}
		})
	}
}

// TestUnpackOverlayXattrs has layers whose xattrs overlayfs takes for its own.
func TestUnpackOverlayXattrs(t *testing.T) {
	oracle.Root(t)
	const usr, x = "d usr mtime=1\n", " pax:SCHILY.xattr.trusted.overlay."
	for _, image := range []layers.Image{
		{Name: "shown", Layers: []string{
			usr + "d b mode=700 mtime=1\nf b/x =1 mtime=1\nd c mtime=1\nf c/y mtime=1\nd e mtime=1\nf e/z mtime=1\nf f mtime=1" + x + "overlay.opaque=y" + x + "other=1",
			"d a mtime=2" + x + "redirect=/b\nf .wh.b\nd d mtime=3" + x + "redirect=c\nd e mtime=2" + x + "opaque=x\nf e/z mtime=1" + x + "whiteout=y"}},
		{Name: "refused", Layers: []string{usr + "f b/c =12 mtime=1", "f b/c =12 mtime=2 uid=3" + x + "metacopy=0000"}},
	} {
		t.Run(image.Name, func(t *testing.T) {
			for _, engine := range Engines() {
				if engine.LayerDirectories {
					checkUnpack(t, engine, oracle.Engine(t, engine.Name), image)
				}
			}
		})
	}
}

func checkUnpack(t *testing.T, engine Engine, unpack oracle.UnpackFunc, image layers.Image) {
	start := canon.Time{Sec: time.Now().Unix()}
	got, err := engine.Unpack(reading.Layers(t, image.Layers...), start)
	root, refusal := unpack(t, image)
	var want *canon.Tree
	if refusal == nil {
		want, refusal = scan.Directory(t.Context(), root, scan.Options{Hash: fsverity.SHA256})
	}
	var entry *canon.EntryError
	switch {
	case refusal == nil && err != nil:
		t.Errorf("only the simulation refuses the image: %v", err)
	case refusal != nil && err == nil:
		t.Errorf("only the engine refuses the image: %v", refusal)
	case refusal != nil:
		if !errors.As(err, &entry) || engine.Name == "umoci" && !strings.Contains(refusal.Error(), "unpack entry: "+entry.Path+":") {
			t.Errorf("the engine refuses the image because of %v, the simulation because of %v", refusal, err)
		}
	default:
		if err := got.Validate(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(unpackedText(want, start), unpackedText(got, start)); diff != "" {
			t.Errorf("the engine (-) and the simulation (+) differ:\n%s", diff)
		}
	}
}

// TestUnpackRandomAgreesWithEngines takes images of few names and all that can
// become of them.
func TestUnpackRandomAgreesWithEngines(t *testing.T) {
	oracle.Root(t)
	for _, engine := range Engines() {
		t.Run(engine.Name, func(t *testing.T) {
			unpack := oracle.Engine(t, engine.Name)
			for seed := range uint64(randomImages) {
				t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
					image := layers.Random(seed)
					checkUnpack(t, engine, unpack, image)
					if t.Failed() {
						t.Logf("layers:\n%s", strings.Join(image.Layers, "---\n"))
					}
				})
			}
		})
	}
}

const randomImages = 60

// unpackedText is trees.Text with one time for all mtimes of the hour that begins
// at start.
func unpackedText(tree *canon.Tree, start canon.Time) []string {
	tree = tree.Clone()
	for e := range tree.Dirents() {
		if m := e.Node.Mtime; m.Compare(start) >= 0 && m.Sec < start.Sec+3600 {
			e.Node.Mtime = start
		}
	}
	return strings.Split(trees.Text(tree), "\n")
}
