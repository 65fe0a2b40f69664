package reports

import (
	"fmt"
	"strings"

	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/releases"
	"cfsverify/compare/verify"
	"cfsverify/importers/layer"
)

// Comparison is the outcome of comparing two sources, as a document of every form.
type Comparison struct{ *verify.Result }

func (c Comparison) writers() writers {
	return writers{text: c.text, json: c.json, markdown: c.markdown, junit: c.junit, html: c.html, annotations: c.annotations}
}

// sides are in their order.
func (c Comparison) sides() [2]*verify.Side { return [2]*verify.Side{&c.A, &c.B} }

// sideNames are in the same order.
func (c Comparison) sideNames() [2]string { return [2]string{c.A.Name, c.B.Name} }

// recipeText is a recipe in a line.
func recipeText(r recipe.Recipe, rules layer.Rules) string {
	text := fmt.Sprintf("EROFS version %d, %v; %s; layer rules %s", r.Version, r.Hash, policyText(r.Policy), rules)
	if names := releaseNames(r); names != nil {
		text += "; as " + strings.Join(names, " and ")
	}
	return text
}

// releaseNames are those of the releases that make digests for booting by a recipe.
func releaseNames(r recipe.Recipe) []string {
	var names []string
	for _, release := range releases.With(r) {
		names = append(names, release.String())
	}
	return names
}

// policyText names the rules of a policy.
func policyText(p policy.Policy) string {
	text := fmt.Sprintf("root %s, directory mtimes %s, /run %s, xattrs %s, mtimes in %s", p.Root, p.DirMtime, p.Run, p.Xattrs, p.Mtime)
	if p.Boot != policy.BootNo {
		text += ", bootable with mtimes " + map[policy.BootRule]string{
			policy.BootSeconds: "in s", policy.BootNanoseconds: "in ns", policy.BootEpoch: "0",
		}[p.Boot]
	}
	switch p.Links {
	case policy.LinksBreak:
		text += ", hardlinks broken"
	case policy.LinksLastLabel:
		text += ", hardlinks kept with the label of their last name"
	}
	return text
}
