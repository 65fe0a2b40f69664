package lint

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
	"cfsverify/compare"
	"cfsverify/importers/engine"
	"cfsverify/importers/layer"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
)

// lintArchives reads layers as lint does; the error is that of the first which is
// no archive.
func lintArchives(archives ...[]byte) ([]*layer.Entries, []tarfile.Departure, error) {
	var read []*layer.Entries
	linter := New()
	for i, archive := range archives {
		at := &canon.Layer{Index: i + 1, Name: fmt.Sprintf("%d.tar", i+1)}
		l, err := layer.Read(context.Background(), bytes.NewReader(archive), at, nil, layer.ReadOptions{Hash: fsverity.SHA256, Inspector: linter.Inspector()})
		if err != nil {
			return nil, nil, err
		}
		read = append(read, l)
	}
	return read, linter.Layers(read), nil
}

func archivesOf(image layers.Image) [][]byte {
	var archives [][]byte
	for _, spec := range image.Layers {
		archives = append(archives, layers.Tar(spec))
	}
	return archives
}

// lintImages are what the properties of lint are tested on.
func lintImages() []layers.Image {
	images := layers.Hostile()
	for seed := range uint64(1000) {
		images = append(images, layers.Random(seed))
	}
	return images
}

func departuresText(found []tarfile.Departure) string {
	var text strings.Builder
	for _, d := range found {
		fmt.Fprintf(&text, "%d:%d %s %s %s\n", d.Layer.Index, d.Entry, d.Rule, d.Path, d.Detail)
	}
	return text.String()
}

// TestLintEquality: where nothing is said to make tools disagree, they agree: both
// sets of layer rules, and what engines unpack, but for the root's metadata.
func TestLintEquality(t *testing.T) {
	agreed := 0
	for _, image := range lintImages() {
		archives := archivesOf(image)
		read, _, err := lintArchives(archives...)
		if err != nil {
			continue
		}
		for _, archives := range [][][]byte{archives, canonicalArchives(t, read)} {
			read, found, err := lintArchives(archives...)
			if err != nil {
				t.Fatal(err)
			}
			if hasSeverity(found, tarfile.Equality) {
				continue
			}
			agreed++
			if why := disagreement(t, read); why != "" {
				t.Errorf("%s: %s, but nothing is said to lead to that:\n%s\n%s", image.Name, why, departuresText(found), strings.Join(image.Layers, "\n---\n"))
			}
		}
	}
	if agreed < 100 {
		t.Errorf("only %d images", agreed)
	}
}

// canonicalArchives are the canonical tars of layers, without the xattrs that these do
// not hold; none if the layers cannot be applied.
func canonicalArchives(t *testing.T, read []*layer.Entries) [][]byte {
	t.Helper()
	if _, err := layer.Apply(read, layer.RulesOCI); err != nil {
		return nil
	}
	var archives [][]byte
	for i := range read {
		tree, err := layer.Alone(read, i+1)
		if err != nil {
			t.Fatal(err)
		}
		for e := range tree.Dirents() {
			e.Node.Xattrs = e.Node.Xattrs.Without(func(x canon.Xattr) bool { return !tarfile.Holds(x.Name) })
		}
		archives = append(archives, blobs.CanonicalTar(t, tree, true))
	}
	return archives
}

// TestLintCanonical: a canonical tar departs only from rules about its tree.
func TestLintCanonical(t *testing.T) {
	count := 0
	for _, image := range lintImages() {
		read, _, err := lintArchives(archivesOf(image)...)
		if err != nil {
			continue
		}
		_, found, err := lintArchives(canonicalArchives(t, read)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range found {
			count++
			if !d.Rule.InCanonical() {
				t.Errorf("%s: %s", image.Name, departuresText([]tarfile.Departure{d}))
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d departures", count)
	}
}

// TestLintBytes: an archive in which nothing departs from how canonical tars are
// written is the canonical tar, whichever byte of a header is changed.
func TestLintBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	long := strings.Repeat("l", 120)
	read, _, err := lintArchives(layers.Tar(`
		d ./ mtime=1
		b b dev=8,1 mtime=2
		d d mode=1777 uid=3 gid=4 mtime=2
		f d/.wh.gone
		f d/f =content mode=4755 uid=3000000 pax:mtime=5.25 pax:SCHILY.xattr.user.a=1
		l d/l ->f mtime=4
		f ` + long + ` pax:path=` + long + ` mtime=5
		h z ->d/f mode=4755 uid=3000000 pax:mtime=5.25
	`))
	if err != nil {
		t.Fatal(err)
	}
	archive := canonicalArchives(t, read)[0]
	changed, silent := 0, 0
	for at := range len(archive) - 1024 {
		for _, c := range []byte{0, ' ', '/', '0', '1', '7', 'x', 0x80} {
			if archive[at] == c {
				continue
			}
			other := bytes.Clone(archive)
			other[at] = c
			layers.Resum(other[at/512*512:])
			read, found, err := lintArchives(other)
			if err != nil || slices.ContainsFunc(read[0].List, func(e layer.Entry) bool { return e.Node.Size > canon.InlineMax }) {
				continue
			}
			changed++
			silence := true
			for _, d := range found {
				silence = silence && d.Rule.InCanonical()
			}
			if !silence {
				continue
			}
			silent++
			if canonical := canonicalArchives(t, read); len(canonical) != 1 || !bytes.Equal(canonical[0], other) {
				t.Errorf("byte %d as %q is not canonical, and nothing says so:\n%s", at, c, departuresText(found))
			}
		}
	}
	if changed < 10000 || silent < 50 {
		t.Errorf("%d archives could be read, %d of them have nothing to be told", changed, silent)
	}
}

func hasSeverity(found []tarfile.Departure, severity tarfile.Severity) bool {
	for _, d := range found {
		if d.Rule.Severity() == severity {
			return true
		}
	}
	return false
}

// disagreement says which tools make different trees of layers.
func disagreement(t *testing.T, read []*layer.Entries) string {
	t.Helper()
	tree, err := layer.Apply(read, layer.RulesOCI)
	if err != nil {
		return err.Error()
	}
	other, err := layer.Apply(read, layer.RulesComposefsRS)
	if err != nil {
		return err.Error()
	}
	if found := compare.Trees(tree, other); len(found) > 0 {
		return fmt.Sprintf("composefs-rs has another %q", found[0].Path)
	}
	for _, engine := range engine.Engines() {
		unpacked, err := engine.Unpack(read, canon.Time{Sec: 1800000000})
		if err != nil {
			return err.Error()
		}
		layer.SetStat(unpacked.Root, tree.Root)
		if found := compare.Trees(tree, unpacked); len(found) > 0 {
			return fmt.Sprintf("%s has another %q", engine.Name, found[0].Path)
		}
	}
	return ""
}
