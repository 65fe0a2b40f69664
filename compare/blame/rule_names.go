package blame

import (
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// names finds pairs of names that are the same name in other bytes: file systems
// change case and Unicode normalisation, and some tools convert names. Both must
// have the same type and content.
func (s *scene) names() {
	type key struct {
		dir, form string
		content   contentKey
	}
	index := map[key][]*item{}
	for _, it := range s.items {
		if it.onlyIn() && len(it.open) > 0 {
			has, _ := nameForms(it.in.Name)
			for _, form := range has {
				k := key{path.Dir(it.Path), form, contentOf(it.in.Node)}
				index[k] = append(index[k], it)
			}
		}
	}
	if len(index) == 0 {
		return
	}
	for _, it := range s.items {
		if !it.onlyOut() || len(it.open) == 0 {
			continue
		}
		_, wanted := nameForms(it.out.Name)
		for _, form := range wanted {
			k := key{path.Dir(it.Path), form, contentOf(it.out.Node)}
			candidates := index[k]
			for len(candidates) > 0 && len(candidates[0].open) == 0 {
				candidates = candidates[1:]
			}
			index[k] = candidates
			if len(candidates) > 0 {
				s.claimAll(NameEncoding, it, layerOrigin(it.out))
				s.claimAll(NameEncoding, candidates[0], layerOrigin(it.out))
				break
			}
		}
	}
}

// contentKey is equal for inodes of the same type and content.
type contentKey struct {
	kind           canon.Kind
	size           uint64
	rdev           uint32
	target, inline string
	digest         fsverity.Digest
}

func contentOf(n *canon.Node) contentKey {
	k := contentKey{kind: n.Kind, size: n.Size, rdev: n.Rdev, target: n.Target}
	if n.Content != nil {
		k.inline = string(n.Content.Inline)
		if n.Content.Inline == nil {
			k.digest = n.Content.Digest
		}
	}
	return k
}

// nameForms gives the forms that a name has, and the forms that its twin would have.
// The first byte tells kinds of forms apart:
//
//	=  case folded, in normal form C, and the same of the bytes taken for
//	   ISO 8859-1, as by tools in a locale of that
//	?  bytes that are not UTF-8 replaced, or all that is not ASCII; names with
//	   such bytes look for replaced ones only, and the other way round
func nameForms(name string) (has, wanted []string) {
	isUTF8, isASCII := utf8.ValidString(name), !strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf })
	isReplaced := isUTF8 && strings.ContainsAny(name, "?\ufffd")
	if isUTF8 {
		has = append(has, "="+foldName(name))
	}
	if !isASCII {
		has = append(has, "="+foldName(latin1(name)))
	}
	wanted = slices.Clone(has)
	invalid := replaceRuns(strings.ToValidUTF8(name, "?"), func(r rune) bool { return r == utf8.RuneError })
	switch {
	case !isUTF8:
		has, wanted = append(has, "?bytes"+invalid), append(wanted, "?replaced"+invalid)
	case isReplaced:
		has, wanted = append(has, "?replaced"+invalid), append(wanted, "?bytes"+invalid)
	}
	all := replaceRuns(name, func(r rune) bool { return r >= utf8.RuneSelf })
	switch {
	case isReplaced && invalid == all:
		has, wanted = append(has, "?ascii"+all), append(wanted, "?other"+all)
	case !isASCII:
		has, wanted = append(has, "?other"+all), append(wanted, "?ascii"+all)
	}
	return has, wanted
}

func foldName(name string) string { return cases.Fold().String(norm.NFC.String(name)) }

// latin1 takes every byte for a character of ISO 8859-1.
func latin1(name string) string {
	runes := make([]rune, len(name))
	for i := range len(name) {
		runes[i] = rune(name[i])
	}
	return string(runes)
}

// replaceRuns puts one question mark in the place of each run of question marks and
// characters for which replace is true.
func replaceRuns(name string, replace func(rune) bool) string {
	var out strings.Builder
	was := false
	for _, r := range name {
		is := r == '?' || replace(r)
		switch {
		case !is:
			out.WriteRune(r)
		case !was:
			out.WriteByte('?')
		}
		was = is
	}
	return out.String()
}
