package reports

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/printable"
	"cfsverify/compare/verify"
	"cfsverify/importers/rewrite"
)

// Repair is what became of an image whose layers were rewritten, as a text.
type Repair struct {
	// Target names the new image, Manifest is its digest.
	Target, Manifest string
	Layers           []rewrite.RepairedLayer
	// Changes are what the new image shows otherwise than the old one.
	Changes []rewrite.RepairStep
	// Before and After are the composefs digests of the layers.
	Before, After fsverity.Digest
	// Prediction is for the new image.
	Prediction *verify.Prediction
}

func (r *Repair) writers() writers { return writers{text: r.text} }

// repairKinds say for everything that a repair can do what it is, once and several
// times; the same words are for what is not counted.
var repairKinds = map[rewrite.RepairKind][2]string{
	"root-entry":       {"root entry added", "root entry added"},
	"parent-entries":   {"parent directory added", "parent directories added"},
	"replaced-parents": {"directory takes the place of a lower layer's symlink or file, as overlayfs shows it", "directories take the place of a lower layer's symlinks or files, as overlayfs shows it"},
	"opaque-markers":   {"opaque marker replaced", "opaque markers replaced"},
	"other-whiteouts":  {"whiteout replaced or dropped", "whiteouts replaced or dropped"},
	"aufs-names":       {"name of AUFS dropped", "names of AUFS dropped"},
	"repeated-names":   {"repeated entry dropped", "repeated entries dropped"},
	"linked-names":     {"name of a lower layer added for a hardlink", "names of lower layers added for hardlinks"},
	"order":            {"reordered", "reordered"},
	"headers":          {"headers written in canonical form", "headers written in canonical form"},

	"symlink-modes":             {"mode of a symlink is 0777 now", "modes of symlinks are 0777 now"},
	"times-before-1970":         {"mtime before 1970 is 0 now", "mtimes before 1970 are 0 now"},
	"times-after-2262":          {"mtime is set back to 2262-04-11, the last that 64 bits of nanoseconds hold", "mtimes are set back to 2262-04-11, the last that 64 bits of nanoseconds hold"},
	"acl-modes":                 {"mode is what the access control list says now", "modes are what access control lists say now"},
	"minimal-acls":              {"access control list that says no more than the mode is gone", "access control lists that say no more than the mode are gone"},
	"acl-forms":                 {"access control list is written as Linux shows it now", "access control lists are written as Linux shows them now"},
	"capabilities-of-version-3": {"capability for the root user is of version 2 now", "capabilities for the root user are of version 2 now"},
	"xattrs":                    {"xattr that engines do not set is gone", "xattrs that engines do not set are gone"},
}

func stepText(s rewrite.RepairStep) string {
	words := repairKinds[s.Kind]
	text := words[0]
	if words[0] != words[1] {
		text = count(s.Count, words[0], words[1])
	}
	if s.First != "" {
		text += fmt.Sprintf(" (first %s)", printable.Text(s.First))
	}
	return text
}

func (r *Repair) text(w io.Writer, o Options) error {
	buf := bufio.NewWriter(w)
	t := newText(buf, o)
	verdict := t.good.Sprint("REPAIRED")
	if !r.Prediction.Same() {
		verdict = t.bad.Sprint("REPAIRED IN PART")
	}
	fmt.Fprintf(t, "%s: %s  %s\n", verdict, printable.Text(r.Target), t.dim.Sprintf("(%s)", r.Manifest))
	lines := r.lines()
	width := 0
	for _, l := range lines {
		width = max(width, len(l[0]))
	}
	for _, l := range lines {
		indent := strings.Repeat(" ", width+4)
		fmt.Fprintf(t, "  %-*s  %s\n", width, l[0], wrap(l[1], o.Width, len(indent), indent))
	}
	if !r.Prediction.Same() {
		t.prose("", "", fmt.Sprintf("cfsverify predict %s tells more of what cannot be repaired.", printable.Text(r.Target)))
	}
	t.otherRules("note:", &r.Prediction.Image)
	return buf.Flush()
}

// lines are headings with what is to be said.
func (r *Repair) lines() [][2]string {
	var lines [][2]string
	for i, l := range r.Layers {
		text := "kept"
		if !l.Kept {
			text = "rewritten: " + listSteps(l.Steps)
		}
		lines = append(lines, [2]string{fmt.Sprintf("layer %d", i+1), text})
	}
	for _, s := range r.Changes {
		lines = append(lines, [2]string{"changed", stepText(s)})
	}
	digest := r.After.String() + ", as before"
	if r.Before != r.After {
		digest = fmt.Sprintf("%v, was %v", r.After, r.Before)
	}
	lines = append(lines, [2]string{"digest", digest})
	for _, e := range r.Prediction.Engines {
		lines = append(lines, [2]string{e.Engine, engineSummary(&e)})
	}
	return lines
}

func listSteps(steps []rewrite.RepairStep) string {
	var texts []string
	for _, s := range steps {
		texts = append(texts, stepText(s))
	}
	return strings.Join(texts, ", ")
}

func engineSummary(e *verify.EnginePrediction) string {
	switch {
	case e.Err != nil:
		return "will refuse the image: " + printable.Text(e.Err.Error())
	case len(e.Differences) == 0:
		return "nothing will differ"
	}
	var causes []string
	for _, f := range e.Findings {
		causes = append(causes, string(f.Cause))
	}
	return fmt.Sprintf("%s: %s", count(len(e.Differences), "entry will differ", "entries will differ"), strings.Join(causes, ", "))
}
