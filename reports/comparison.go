package reports

import (
	"fmt"

	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
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
	return fmt.Sprintf("EROFS version %d, %v; %s; layer rules %s", r.Version, r.Hash, policyText(r.Policy), rules)
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
