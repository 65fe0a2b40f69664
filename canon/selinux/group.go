package selinux

import "strings"

// group reads parentheses, and says whether a quantifier can follow them.
func (p *parser) group(s *scope) bool {
	inner := *s
	if inner.depth++; inner.depth > nestMax {
		p.fail("more than %d parentheses in each other", nestMax)
	}
	if s.behind {
		p.fail("parentheses in a lookbehind")
	}
	p.at++
	open, rest, isLookaround := "(?:", p.source[p.at:], false
	switch {
	case !strings.HasPrefix(rest, "?"):
	case strings.HasPrefix(rest, "?:"):
		p.at += len("?:")
	case strings.HasPrefix(rest, "?="), strings.HasPrefix(rest, "?!"):
		open, isLookaround = "("+rest[:2], true
		p.at += len("?=")
	case strings.HasPrefix(rest, "?<="), strings.HasPrefix(rest, "?<!"):
		// PCRE2 wants one length of each alternative.
		open, isLookaround, inner.behind = "("+rest[:3], true, true
		p.at += len("?<=")
	case strings.HasPrefix(rest, "?>"):
		p.needPCRE2()
		open = "(?>"
		p.at += len("?>")
	case strings.HasPrefix(rest, "?#"):
		p.comment()
		return false
	case strings.HasPrefix(rest, "?P<"):
		p.groupName(len("?P<"), '>')
	case strings.HasPrefix(rest, "?<"):
		p.groupName(len("?<"), '>')
	case strings.HasPrefix(rest, "?'"):
		p.needPCRE2()
		p.groupName(len("?'"), '\'')
	case p.flags(&inner):
		p.special = true
		s.fold, s.dotAll = inner.fold, inner.dotAll
		if p.isQuantifier() {
			p.fail("a quantifier of flags")
		}
		return false
	}
	if isLookaround {
		p.needPCRE2()
	}
	p.write(open)
	p.size++
	p.expression(inner)
	if p.reason == "" && p.peek(0) != ')' {
		p.fail("a parenthesis that is not closed")
	}
	p.at++
	p.write(")")
	if isLookaround && p.isQuantifier() {
		p.fail("a quantifier of a lookaround")
	}
	return !isLookaround
}

// comment reads ?#… and the parenthesis behind.
func (p *parser) comment() {
	p.needPCRE2()
	length := strings.IndexByte(p.source[p.at:], ')')
	if length < 0 {
		p.fail("a parenthesis that is not closed")
		return
	}
	if p.at += length + 1; p.isQuantifier() {
		p.fail("a quantifier behind a comment")
	}
}

// groupName reads the name behind what opens it.
func (p *parser) groupName(open int, closing byte) {
	start := p.at + open
	length := strings.IndexByte(p.source[start:], closing)
	if length < 1 || length > nameMax {
		p.fail("parentheses that are not supported")
		return
	}
	name := p.source[start : start+length]
	for i := range len(name) {
		if !isWord(name[i]) || i == 0 && isDigit(name[i]) {
			p.fail("%q as name of a group", name)
		}
	}
	if p.names[name] {
		p.fail("the name %q of two groups", name)
	}
	if p.names == nil {
		p.names = map[string]bool{}
	}
	p.names[name] = true
	p.at = start + length + 1
}

// flags reads ?FLAGS: or ?FLAGS), and says whether it was the latter, which is for
// the rest of the parentheses around it.
func (p *parser) flags(s *scope) (rest bool) {
	start, on := p.at, true
	for p.at++; p.more(); p.at++ {
		c := p.peek(0)
		switch {
		case strings.IndexByte(p.source[start:p.at], c) >= 0:
			p.fail("the flag %q twice", string(c))
		case c == 'i':
			s.fold, p.folds = on, true
		case c == 's':
			s.dotAll = on
		case c == 'U':
			// Greed changes what groups match, not whether the path does.
		case c == 'n':
			// Groups have no numbers, which nothing asks for here.
			p.needPCRE2()
		case c == '-':
			on = false
		case c == ':', c == ')':
			if last := p.source[p.at-1]; last == '?' || last == '-' {
				p.fail("parentheses without flags")
			}
			p.at++
			return c == ')'
		default:
			p.fail("%q, which is not supported", "("+p.source[start:p.at+1])
		}
	}
	p.fail("a parenthesis that is not closed")
	return false
}
