package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/printable"
	"cfsverify/compare"
	"cfsverify/compare/blame"
)

// follows stands in a page's data for what is known from elsewhere: a payload
// path that is the digest's, a content value that is the entry's digest. No
// escaped name is a single backslash.
const follows = `\`

// htmlData is what the script of a page works with: the JSON report, and what
// that does not tell.
type htmlData struct {
	Report *jsonReport `json:"report"`
	// Sources say for each entry of each finding on which side the layer of its
	// source is: "a", "b", or "-" for none.
	Sources       []string `json:"sources"`
	MaskedSources []string `json:"maskedSources"`
}

// dataHTML packs the report for a page.
func dataHTML(r Comparison) ([]byte, error) {
	doc := comparisonJSON(r, differencesMax)
	leaveOutDigests(doc.Differences)
	data := htmlData{Report: &doc, Sources: sourceSides(r, r.Findings, shownOf(r.Differences, r.Findings, differencesMax))}
	if r.Masked != nil {
		leaveOutDigests(doc.Masked.Differences)
		data.MaskedSources = sourceSides(r, r.Masked.Findings, shownOf(r.Masked.Differences, r.Masked.Findings, differencesMax))
	}
	for _, side := range []*jsonSide{&doc.A, &doc.B} {
		if side.OtherRules != nil {
			leaveOutDigests(side.OtherRules.Differences)
		}
	}
	return packJSON(data)
}

// leaveOutDigests puts follows in the place of digests that are written a second
// time.
func leaveOutDigests(differences []jsonDifference) {
	for i := range differences {
		d := &differences[i]
		for j := range d.Changes {
			if c := &d.Changes[j]; c.Field == compare.ContentDigest {
				c.A, c.B = contentHTML(c.A, d.A), contentHTML(c.B, d.B)
			}
		}
		for _, e := range []*jsonEntry{d.A, d.B} {
			if e != nil && len(e.Digest) > 2 && e.Payload == e.Digest[:2]+"/"+e.Digest[2:] {
				e.Payload = follows
			}
		}
	}
}

// contentHTML is one side of a change of content.
func contentHTML(value any, e *jsonEntry) any {
	for _, algorithm := range []fsverity.Algorithm{fsverity.SHA256, fsverity.SHA512} {
		if e.Digest != "" && value == algorithm.String()+":"+e.Digest {
			return follows
		}
	}
	return value
}

func sourceSides(r Comparison, findings []blame.Finding, shown shown) []string {
	sides := map[*canon.Layer]byte{}
	for _, l := range r.A.Layers {
		sides[l] = 'a'
	}
	for _, l := range r.B.Layers {
		sides[l] = 'b'
	}
	list := []string{}
	for _, f := range findings {
		var text strings.Builder
		for _, e := range f.Entries {
			if !shown.has(e.Path) {
				continue
			}
			side := byte('-')
			if e.Origin != nil && sides[e.Origin.Layer] != 0 {
				side = sides[e.Origin.Layer]
			}
			text.WriteByte(side)
		}
		list = append(list, text.String())
	}
	return list
}

// htmlNamesMax is how many names that do not differ a page has.
const htmlNamesMax = 100_000

// sameNames writes the names that both sides have alike as nested JSON lists: a
// directory is a list of its own name and what is in it, all else a string. The
// first letter of a name is its type's. Directories that differ are there for
// what is in them.
type sameNames struct {
	bytes.Buffer
	differing map[string]compare.Status
	// names is how many are written, total how many there are.
	names, total, max int
}

func newSameNames(r Comparison, limit int) *sameNames {
	n := &sameNames{differing: make(map[string]compare.Status, len(r.Differences)), max: limit}
	if r.A.Tree == nil || len(r.Differences) == 0 {
		return n
	}
	for i := range r.Differences {
		n.differing[r.Differences[i].Path] = r.Differences[i].Status
	}
	for path := range r.A.Tree.All() {
		if path != "/" && n.differing[path] == "" {
			n.total++
		}
	}
	n.directory("", "", r.A.Tree.Root)
	return n
}

func (n *sameNames) directory(path, name string, node *canon.Node) {
	n.WriteByte('[')
	n.name("d", name)
	for _, e := range node.Children() {
		if n.names >= n.max {
			break
		}
		child := path + "/" + e.Name
		isDir := e.Node.Kind == canon.Directory
		status := n.differing[child]
		if status != "" && (status != compare.Changed || !isDir) {
			continue
		}
		if status == "" {
			n.names++
		}
		n.WriteByte(',')
		if isDir {
			n.directory(child, e.Name, e.Node)
		} else {
			n.name(kindLetter(e.Node.Kind), e.Name)
		}
	}
	n.WriteByte(']')
}

func (n *sameNames) name(kind, name string) {
	// A string always has a form.
	text, _ := json.Marshal(kind + printable.Text(name))
	n.Write(text)
}

// kindLetter is the type as ls shows it.
func kindLetter(k canon.Kind) string {
	const letters = "-fdlcbps"
	if int(k) >= len(letters) {
		return "?"
	}
	return letters[k : k+1]
}

// cutText says how many names a page does not have, empty if it has all.
func (n *sameNames) cutText() string {
	if n.names >= n.total {
		return ""
	}
	return fmt.Sprintf("%d of %d names that do not differ are in this page: the others had no room.", n.names, n.total)
}
