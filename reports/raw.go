package reports

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/raw"
)

// Raw is how two images differ in their bytes, as a text and as JSON.
type Raw struct{ *raw.Images }

func (r Raw) writers() writers { return writers{text: r.text, json: r.json} }

func (r Raw) text(w io.Writer, o Options) error {
	i := r.Images
	buf := bufio.NewWriter(w)
	t := rawText{newText(buf, o), i}
	verdict := t.bad.Sprint("DIFFERENT")
	if i.Same() {
		verdict = t.good.Sprint("SAME")
	}
	t.prose("", verdict+":", rawHeadline(i))
	for k, side := range []raw.Image{i.A, i.B} {
		fmt.Fprintf(t, "  %c  %s  %s\n", 'a'+k, printable.Text(side.Source), t.dim.Sprintf("(%s)", count(side.Layers, "layer", "layers")))
	}
	if causes := i.Causes(); len(causes) > 0 {
		fmt.Fprintln(t)
		for _, c := range causes {
			t.prose("", "likely cause:", string(c)+": "+rawCauses[c])
		}
	}
	fmt.Fprintln(t)
	t.document("manifest", i.Manifest, i.A.Manifest, i.B.Manifest, "what follows from the config and the layers")
	t.document("config", i.Config, i.A.Config, i.B.Config, "the diffIDs of the layers")
	for _, l := range i.Layers {
		t.layer(l)
	}
	return buf.Flush()
}

// rawHeadline says in one sentence whether and where images differ.
func rawHeadline(i *raw.Images) string {
	switch {
	case i.Manifest != nil && i.Manifest.Same:
		return "the images have the same manifest"
	case i.SameBlobs() && i.Manifest != nil:
		return "only the manifests differ" + documentList(i.Manifest) + "; the configs and all layers are the same"
	case i.Same() && i.Config == nil:
		return "all layers are the same"
	case i.Same():
		return "the configs and all layers are the same"
	}
	for _, l := range i.Layers {
		switch {
		case l.A == nil || l.B == nil:
			return pairText(l) + " is on one side alone"
		case l.Archive != nil:
			return pairText(l) + " first differs at " + firstText(l.Archive.First)
		}
	}
	if i.Config != nil && !i.Config.Same {
		return "the configs differ" + documentList(i.Config) + "; the archives of all layers are the same"
	}
	return "only compression differs: the archives of all layers are the same"
}

// documentList names the first values that differ.
func documentList(d *raw.Document) string {
	const shown = 3
	var paths []string
	for _, c := range d.Changes[:min(shown, len(d.Changes))] {
		paths = append(paths, printable.Text(c.Path))
	}
	switch {
	case len(paths) == 0:
		return ""
	case len(d.Changes) > shown:
		paths = append(paths, fmt.Sprintf("and %d more", len(d.Changes)-shown))
	}
	return " in " + strings.Join(paths, ", ")
}

// pairText names a layer, on both sides if they count differently.
func pairText(l *raw.Layer) string {
	switch {
	case l.A == nil:
		return fmt.Sprintf("layer %d of b", l.B.Index)
	case l.B == nil:
		return fmt.Sprintf("layer %d of a", l.A.Index)
	case l.A.Index != l.B.Index:
		return fmt.Sprintf("layer %d of a, which is layer %d of b,", l.A.Index, l.B.Index)
	}
	return fmt.Sprintf("layer %d", l.A.Index)
}

// firstText names the first difference of two archives.
func firstText(f *raw.First) string {
	at := fmt.Sprintf("entry %d ", f.Entry)
	a, b := entryOrEnd(f.Paths[0]), entryOrEnd(f.Paths[1])
	switch f.Place {
	case raw.AtEnd:
		return "the archive's end" + behindColon(f.Changes)
	case raw.OnlyA:
		return at + a + ", which b does not have"
	case raw.OnlyB:
		return at + b + ", which a does not have"
	case raw.Replaced:
		return at + a + ", where b has " + b
	case raw.Order:
		return at + a + ", where b has " + b + ": the order"
	}
	return at + a + behindColon(f.Changes)
}

func entryOrEnd(path string) string {
	if path == "" {
		return "(no more entries)"
	}
	return printable.Text(path)
}

func behindColon(changes []tarfile.Change) string {
	if len(changes) == 0 {
		return ""
	}
	return ": " + partText(changes[0])
}

type rawText struct {
	*text
	images *raw.Images
}

func (t *rawText) document(what string, d *raw.Document, a, b, leftOut string) {
	switch {
	case d == nil:
		return
	case d.Same:
		fmt.Fprintf(t, "%s %s\n", t.head.Sprint(what+":"), "the same, "+a)
		return
	case len(d.Changes) > 0:
		t.prose("", what+":", "differs")
	case d.LeftOut:
		t.prose("", what+":", "differs in nothing but "+leftOut)
	default:
		t.prose("", what+":", fmt.Sprintf("has the same values, but is written differently from byte %d on", d.Offset))
	}
	fmt.Fprintf(t, "  a  %s\n  b  %s\n", t.dim.Sprint(a), t.dim.Sprint(b))
	for k, c := range d.Changes {
		if k == shownPerFinding && !t.verbose {
			fmt.Fprintf(t, "  %s\n", t.dim.Sprintf("… and %d more: --verbose lists all", len(d.Changes)-k))
			return
		}
		t.prose("  ", "", fmt.Sprintf("%s: a %s, b %s", printable.Text(c.Path), documentValue(c.A), documentValue(c.B)))
	}
}

func (t *rawText) layer(l *raw.Layer) {
	switch {
	case l.A == nil || l.B == nil:
		which := l.A
		if which == nil {
			which = l.B
		}
		t.prose("", pairText(l)+":", "the other side has none to compare it with, "+which.DiffID)
		return
	case l.Same():
		t.prose("", strings.TrimSuffix(pairText(l), ",")+":", "the same, "+l.A.DiffID)
		return
	case l.SameArchive():
		text := "the archive is the same, but stored differently"
		if l.Stored.Offset >= 0 {
			text += fmt.Sprintf(", from byte %d of the blob on", l.Stored.Offset)
		}
		t.prose("", strings.TrimSuffix(pairText(l), ",")+":", text)
	default:
		t.archive(l)
	}
	if l.Stored != nil {
		for _, c := range blobChanges(l.Stored) {
			t.prose("  ", "", fmt.Sprintf("%s: a %s, b %s", c[0], c[1], c[2]))
		}
	}
}

func (t *rawText) archive(l *raw.Layer) {
	x := l.Archive
	f := x.First
	t.prose("", strings.TrimSuffix(pairText(l), ",")+":", fmt.Sprintf("the archives differ from byte %d on, at %s", f.Offset, firstText(f)))
	for k, layer := range []*canon.Layer{l.A, l.B} {
		fmt.Fprintf(t, "  %c  %s  %s\n", 'a'+k, printable.Text(layer.DiffID), t.dim.Sprintf("(%s, %s)", count(x.Entries[k], "entry", "entries"), sizeText(x.Sizes[k])))
	}
	for k, c := range f.Changes {
		if k == shownPerFinding && !t.verbose {
			fmt.Fprintf(t, "  %s\n", t.dim.Sprintf("… and %d more: --verbose lists all", len(f.Changes)-k))
			break
		}
		t.change(c, f.Content)
	}
	if t.verbose || len(f.Changes) == 0 {
		t.prose("  ", "", fmt.Sprintf("bytes from %d on: a %s, b %s", f.Offset, quoted(string(f.Bytes[0])), quoted(string(f.Bytes[1]))))
	}
	if len(x.Counts) > 0 || x.Only[0].Number+x.Only[1].Number+x.Moved.Number > 0 || f.Place != raw.AtEnd && len(x.End) > 0 {
		fmt.Fprintln(t, "  in the whole layer:")
	}
	for _, c := range x.Counts {
		what := partText(c.First)
		if c.First.Part != tarfile.PartContent && c.First.Same() {
			what += ", in how it is written alone"
		}
		t.paths(what, c.Paths)
	}
	t.paths("only in a", x.Only[0])
	t.paths("only in b", x.Only[1])
	t.paths("at another place", x.Moved)
	if f.Place != raw.AtEnd {
		for _, c := range x.End {
			t.prose("    ", "", fmt.Sprintf("%s: a %s, b %s", partText(c), partValue(c, c.A), partValue(c, c.B)))
		}
	}
}

func (t *rawText) change(c tarfile.Change, content *raw.Content) {
	if c.Part == tarfile.PartContent {
		t.prose("  ", "", "content "+contentDiffText(content))
		return
	}
	t.prose("  ", "", fmt.Sprintf("%s: a %s, b %s", partText(c), partValue(c, c.A), partValue(c, c.B)))
}

// paths counts entries, and names the first.
func (t *rawText) paths(what string, p raw.Paths) {
	if p.Number == 0 {
		return
	}
	shown := p.First[:1]
	if t.verbose {
		shown = p.First
	}
	verb := "first "
	if p.Number == 1 {
		verb = ""
	}
	t.prose("    ", "", fmt.Sprintf("%s: %s, %s%s", what, count(p.Number, "entry", "entries"), verb, strings.Join(escapeAll(shown), ", ")))
}
