package reports

import (
	"fmt"
	"io"
	"strings"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/printable"
	"cfsverify/canon/recipe"
	"cfsverify/canon/releases"
	"cfsverify/compare/proof"
	"cfsverify/importers/layer"
)

// Identification is what was found of a digest in some sources, as a text.
type Identification struct {
	Want  fsverity.Digest
	Tried int
	// Found have recipes that give the digest.
	Found []Identified
	// Makers are the releases that make the digest of a source.
	Makers []Makers
	// Nearest have what the usual recipes give, or no recipe.
	Nearest []Identified
}

// Makers are the releases that make a digest for booting of a source.
type Makers struct {
	Source   string
	Releases []releases.Release
}

// Identified is a source with a digest of it.
type Identified struct {
	// Source is the source as the user may write it, and Rules the layer rules by
	// which it was read.
	Source string
	Rules  layer.Rules
	recipe.Made
	// Has, if not 0, is another hash, in which the source has digests of file content:
	// there is no recipe then.
	Has fsverity.Algorithm
}

func (id *Identification) writers() writers { return writers{text: id.text} }

func (id *Identification) text(w io.Writer, _ Options) error {
	var lines []string
	head := fmt.Sprintf("FOUND: %d of %d recipes give %v:", len(id.Found), id.Tried, id.Want)
	for _, f := range id.Found {
		lines = append(lines, printable.Text(f.Source)+" "+f.flags())
	}
	for _, m := range id.Makers {
		for i := range m.Releases {
			lines = append(lines, fmt.Sprintf("%s: so does %s", printable.Text(m.Source), &m.Releases[i]))
		}
	}
	if len(id.Found) == 0 {
		head = fmt.Sprintf("NOT FOUND: none of %d recipes gives %v:\nthe source is another one, or the digest was made in a way that is not known. By the usual recipes:", id.Tried, id.Want)
		lines = id.nearest()
	}
	_, err := fmt.Fprintf(w, "%s\n  %s\n", head, strings.Join(lines, "\n  "))
	return err
}

func (id *Identification) nearest() []string {
	var lines []string
	for _, n := range id.Nearest {
		if n.Has != 0 {
			lines = append(lines, fmt.Sprintf("%s has %v digests of file content, so it has no %v digest", printable.Text(n.Source), n.Has, id.Want.Algorithm()))
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %s gives %v", printable.Text(n.Source), n.flags(), n.Digest))
	}
	if lines == nil {
		return []string{"none: the usual recipes need a /usr"}
	}
	return lines
}

// flags writes a recipe as flags of the commands. Its writer is one if another writer
// gives another digest.
func (id *Identified) flags() string {
	r := id.Recipe
	p := r.Policy
	flags := []string{fmt.Sprintf("--erofs-version %d --hash %v", r.Version, r.Hash)}
	add := func(part proof.Part, word string) { flags = append(flags, policyFlags[part]+" "+word) }
	add(proof.Root, string(p.Root))
	add(proof.DirMtime, string(p.DirMtime))
	add(proof.Run, string(p.Run))
	add(proof.Xattrs, string(p.Xattrs))
	add(proof.Mtime, string(p.Mtime))
	if p.Boot != policy.BootNo {
		flags = append(flags, policyFlags[proof.Boot], "--boot-mtime "+string(p.Boot))
	}
	if p.Links != policy.LinksKeep {
		add(proof.Hardlinks, string(p.Links))
	}
	if len(id.Corners) > 0 {
		flags = append(flags, "--writer "+r.Writer.String())
	}
	if id.Rules != layer.RulesOCI {
		flags = append(flags, "--layer-rules "+string(id.Rules))
	}
	return strings.Join(flags, " ")
}
