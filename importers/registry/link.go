package registry

import (
	"net/http"
	"slices"
	"strings"
)

// nextLink is the target of the first link in a header whose relation is "next",
// empty if there is none: RFC 8288, section 3.
func nextLink(h http.Header) string {
	for _, rest := range h.Values("Link") {
		for {
			_, after, found := strings.Cut(rest, "<")
			if !found {
				break
			}
			target, parameters, found := strings.Cut(after, ">")
			if !found {
				break
			}
			parameters, rest = cutUnquoted(parameters, ',')
			if isNext(parameters) {
				return target
			}
		}
	}
	return ""
}

// isNext looks for the relation among a link's parameters, of which the first counts.
func isNext(parameters string) bool {
	for parameters != "" {
		var one string
		one, parameters = cutUnquoted(parameters, ';')
		name, value, _ := strings.Cut(one, "=")
		if strings.EqualFold(strings.TrimSpace(name), "rel") {
			relations := strings.Fields(strings.Trim(strings.TrimSpace(value), `"`))
			return slices.ContainsFunc(relations, func(r string) bool { return strings.EqualFold(r, "next") })
		}
	}
	return false
}

// cutUnquoted cuts at the first separator outside of double quotes.
func cutUnquoted(s string, separator byte) (before, after string) {
	quoted := false
	for i := range len(s) {
		switch {
		case quoted && s[i] == '\\':
			// What is escaped is neither.
		case s[i] == '"' && (i == 0 || s[i-1] != '\\'):
			quoted = !quoted
		case s[i] == separator && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
