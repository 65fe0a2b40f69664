package reports

import (
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
	"cfsverify/compare/proof"
	"cfsverify/compare/verify"
)

// summary is what a person needs first: what to do, and whether that is all.
func (t *text) summary(failing []blame.Finding, proof string) {
	first := firstOf(failing)
	if first == nil {
		return
	}
	fmt.Fprintln(t)
	t.prose("", "first:", string(first.Cause)+": "+CauseOf(first.Cause).Advice)
	if proof != "" {
		t.prose("", "", proof)
	}
}

// proofText says what is proven of so many findings, empty if nothing was tried.
func proofText(p *proof.Proof, findings int) string {
	switch {
	case p == nil:
		return ""
	case !p.Complete:
		return "the findings do not make up the whole difference: please report this"
	case len(p.Smallest) < findings:
		return fmt.Sprintf("without %d of the %d findings the digests would be equal: %s", len(p.Smallest), findings, causeList(p.Smallest))
	case len(p.Smallest) == 1:
		return "without this finding the digests would be equal"
	}
	return fmt.Sprintf("without these %d findings the digests would be equal", len(p.Smallest))
}

// firstOf is the finding to begin with: causes of much come first, and what
// only follows from others never does.
func firstOf(findings []blame.Finding) *blame.Finding {
	for i := range findings {
		if c := findings[i].Cause; c != blame.Derived && c != blame.DirectoryChanged {
			return &findings[i]
		}
	}
	if len(findings) > 0 {
		return &findings[0]
	}
	return nil
}

func causeList(causes []blame.Cause) string {
	var names []string
	for _, c := range causes {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}

// gate tells what was accepted, and why.
func (t *comparisonText) gate() {
	g := t.Gate
	if g == nil {
		return
	}
	fmt.Fprintf(t, "\n%s %s\n", t.head.Sprint("gate:"), gateText(g))
	for _, a := range g.Accepted {
		fmt.Fprintf(t, "  accepted %s %s\n", count(len(a.Entries), "entry", "entries"), t.dim.Sprintf("(%s)", ruleText(a.Allowance)))
		for i, e := range a.Entries {
			if i == shownPerFinding && !t.verbose {
				fmt.Fprintf(t, "    %s\n", t.dim.Sprintf("… and %d more: --verbose lists all", len(a.Entries)-i))
				break
			}
			fmt.Fprintf(t, "    %s %s%s\n", e.Cause, printable.Text(e.Path), changesText(e.Explained))
		}
	}
	t.idleRules(g.Unused, g.Expired)
}

// idleRules are those of a gate that accept nothing.
func (t *text) idleRules(unused, expired []gate.Allowance) {
	for _, r := range unused {
		fmt.Fprintf(t, "  %s %s\n", t.bad.Sprint("unused rule:"), ruleText(r))
	}
	for _, r := range expired {
		fmt.Fprintf(t, "  %s %s\n", t.bad.Sprint("expired rule:"), ruleText(r))
	}
}

// changesText names what differs, empty for a path on one side only.
func changesText(changes []compare.Change) string {
	var names []string
	for _, c := range changes {
		names = append(names, changeName(c))
	}
	if names == nil {
		return ""
	}
	return ": " + strings.Join(names, ", ")
}

// effects are what a policy with another word would make of it.
func (t *comparisonText) effects() {
	if t.Proof == nil {
		return
	}
	width := t.nameWidth()
	for _, f := range t.Proof.Effects {
		fmt.Fprintf(t, "%s %s\n", t.head.Sprintf("with %s", flagText(f)), t.dim.Sprintf("(no %s)", causeList(f.Removes)))
		if f.DigestA == f.DigestB {
			fmt.Fprintf(t, "  %-*s  %s\n", width, "both", t.good.Sprint(f.DigestA))
			continue
		}
		fmt.Fprintf(t, "  %-*s  %s\n", width, t.A.Name, f.DigestA)
		fmt.Fprintf(t, "  %-*s  %s\n", width, t.B.Name, f.DigestB)
	}
}

// policyFlags are the flags for the parts of a policy.
var policyFlags = map[proof.Part]string{
	proof.Root: "--root", proof.DirMtime: "--dir-mtime", proof.Run: "--run", proof.Xattrs: "--xattrs", proof.Mtime: "--mtime", proof.Hardlinks: "--hardlinks",
	proof.Boot: "--bootable",
}

// flagText is the word of an effect as on the command line.
func flagText(f proof.Effect) string {
	if f.Part == proof.Boot {
		return policyFlags[f.Part]
	}
	return policyFlags[f.Part] + " " + f.Word
}

func (t *text) masked(m *verify.Masked) {
	if m == nil {
		return
	}
	if len(m.Differences) == 0 {
		fmt.Fprintln(t, "\nthe policy hides nothing")
		return
	}
	fmt.Fprintf(t, "\n%s\n", t.head.Sprintf("the policy hides %s, for %s", count(len(m.Differences), "entry that differs", "entries that differ"), count(len(m.Findings), "cause", "causes")))
	for i := range m.Findings {
		t.finding(&m.Findings[i])
	}
}

func (t *text) finding(f *blame.Finding) {
	cause := CauseOf(f.Cause)
	fmt.Fprintln(t)
	t.prose("", string(f.Cause)+":", fmt.Sprintf("%s (%s)", cause.Title, count(len(f.Entries), "entry", "entries")))
	t.prose("  ", "", cause.Why)
	t.prose("  ", "do:", cause.Advice)
	for _, e := range f.Evidence {
		t.prose("  ", "evidence:", evidenceText(e))
	}
	if text := layersText(f.Entries); text != "" {
		t.prose("  ", "from:", text)
	}
	for i, e := range f.Entries {
		if i == shownPerFinding && !t.verbose {
			fmt.Fprintf(t, "  %s\n", t.dim.Sprintf("… and %d more: --verbose lists all", len(f.Entries)-i))
			return
		}
		t.difference(e.Difference, e.Explained)
		if text := sourceText(e); text != "" {
			t.prose("    ", "because of", text)
		}
	}
}

func evidenceText(e blame.Evidence) string {
	parts := []string{e.Text}
	if e.Path != "" {
		parts = append(parts, printable.Text(e.Path))
	}
	if e.Quote != "" {
		parts = append(parts, printable.Text(e.Quote))
	}
	if e.Origin != nil && e.Origin.Layer != nil {
		parts = append(parts, entryText(e.Origin))
	}
	return strings.Join(parts, ": ")
}

// entryText names a tar entry.
func entryText(o *canon.Origin) string {
	text := layerText(o.Layer)
	if o.Entry > 0 {
		text += fmt.Sprintf(", entry %d", o.Entry)
	}
	if o.Header != nil {
		text += ", " + printable.Text(o.Header.Name)
	}
	return text
}

// sourceText names the tar entry that an entry's cause lies in, if that is not
// the one that the entry itself comes from.
func sourceText(e blame.Entry) string {
	if e.Origin == nil || e.Origin.Layer == nil {
		return ""
	}
	for _, d := range []*canon.Dirent{e.A, e.B} {
		if d != nil && d.Origin == e.Origin && !e.Origin.Implicit {
			return ""
		}
	}
	return entryText(e.Origin)
}

// layersText counts the entries of a finding by the layers of their causes.
func layersText(entries []blame.Entry) string {
	var parts []string
	for _, c := range layerCounts(entries) {
		parts = append(parts, fmt.Sprintf("layer %d (%s)", c.layer.Index, count(c.entries, "entry", "entries")))
	}
	return strings.Join(parts, ", ")
}

// layerCounts are in the order of the layers.
func layerCounts(entries []blame.Entry) []layerCount {
	var counts []layerCount
	for _, e := range entries {
		if e.Origin == nil || e.Origin.Layer == nil {
			continue
		}
		i, found := slices.BinarySearchFunc(counts, e.Origin.Layer.Index, func(c layerCount, index int) int { return c.layer.Index - index })
		if !found {
			counts = slices.Insert(counts, i, layerCount{layer: e.Origin.Layer})
		}
		counts[i].entries++
	}
	return counts
}
