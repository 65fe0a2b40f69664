package selinux

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// word is what \w is, in a class of ranges.
const word = `0-9A-Z_a-z`

// Places at words, as both engines mean them. Go's \b would do for one of these, but
// that of regexp2 is not ASCII's.
const (
	wordStart = `(?<![` + word + `])(?=[` + word + `])`
	wordEnd   = `(?<=[` + word + `])(?![` + word + `])`
	wordEdge  = `(?:` + wordStart + `|` + wordEnd + `)`
)

// escape reads a backslash and what belongs to it, outside of classes. It says whether a
// quantifier can follow.
func (p *parser) escape(s scope) bool {
	rest := p.source[p.at+1:]
	if set := perlSet(p.peek(1)); set != nil {
		p.setEscape(set)
		return true
	}
	switch {
	case strings.HasPrefix(rest, "A"):
		p.place(1, `\A`)
	case strings.HasPrefix(rest, "z"):
		p.place(1, `\z`)
	case strings.HasPrefix(rest, "Z"):
		// A newline cannot be last, as the type is.
		p.needPCRE2()
		p.place(1, `\z`)
	case strings.HasPrefix(rest, "b{start}"):
		p.wordPlace(len("b{start}"), wordStart)
	case strings.HasPrefix(rest, "b{end}"):
		p.wordPlace(len("b{end}"), wordEnd)
	case strings.HasPrefix(rest, "<"):
		p.wordPlace(1, wordStart)
	case strings.HasPrefix(rest, ">"):
		p.wordPlace(1, wordEnd)
	case strings.HasPrefix(rest, "b") && !strings.HasPrefix(rest, "b{"):
		p.backtracks = true
		p.place(1, wordEdge)
	case strings.HasPrefix(rest, "K") && s.depth == 0:
		p.needPCRE2()
		p.place(1, "")
	case strings.HasPrefix(rest, "Q"):
		p.quoted(s)
	default:
		return p.letterEscape(s)
	}
	return false
}

// setEscape writes the class that an escape of one letter names.
func (p *parser) setEscape(set *set) {
	p.at += 2
	p.unfixed = true
	p.writeSet(set)
}

// place writes something that no quantifier may follow.
func (p *parser) place(length int, text string) {
	p.at += 1 + length
	p.assertion(text)
}

// wordPlace is one that PCRE2 does not know.
func (p *parser) wordPlace(length int, text string) {
	if p.pcre2 {
		p.fail("the escape %q beside something that the first engine refuses", p.source[p.at:p.at+1+length])
	}
	p.backtracks = true
	p.place(length, text)
}

// quoted reads \Q…\E.
func (p *parser) quoted(s scope) {
	p.needPCRE2()
	text, _, found := strings.Cut(p.source[p.at+2:], `\E`)
	if !found {
		p.fail(`\Q without \E`)
		return
	}
	for p.at += 2; text != ""; text = text[1:] {
		p.at++
		p.literal(text[0], s)
		p.size++
	}
	if p.at += 2; p.isQuantifier() {
		p.fail(`a quantifier behind \E`)
	}
}

// letterEscape reads the escape of a letter, and those of classes that only PCRE2 has. It
// refuses \h, \H and \R: PCRE2 does not go back from \S to the bytes A0 and 85 for them,
// though these are in both.
func (p *parser) letterEscape(s scope) bool {
	switch c := p.peek(1); {
	case c == 'N' && p.peek(2) != '{' && p.needPCRE2():
		p.setEscape(newSet('\n').negated())
	case c == 'C' && p.needPCRE2():
		p.setEscape((&set{}).negated())
	case c == 'x' && p.peek(2) == '{':
		p.braced(s)
	case c == 'u' && !p.pcre2:
		p.codePoint(len(`\u`), 4, 0, s)
	case c == 'U' && !p.pcre2:
		p.codePoint(len(`\U`), 8, 0, s)
	default:
		if letter, ok := p.escaped(); ok {
			p.literal(letter, s)
		}
	}
	return true
}

// braced reads \x{…}.
func (p *parser) braced(s scope) {
	const open = `\x{`
	length := strings.IndexByte(p.source[p.at:min(p.at+16, len(p.source))], '}')
	if length <= len(open) {
		p.fail(`\x{ without a number`)
		return
	}
	p.codePoint(len(open), length-len(open), 1, s)
}

// codePoint reads the number of a letter in so many digits, with so many bytes before and
// behind them. To PCRE2 the number is a byte here.
func (p *parser) codePoint(before, digits, behind int, s scope) {
	start := p.at + before
	if start+digits+behind > len(p.source) {
		p.fail("an escape that is cut off")
		return
	}
	n, err := strconv.ParseUint(p.source[start:start+digits], 16, 32)
	if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) || p.pcre2 && n > 0xff {
		p.fail("the escape %q", p.source[p.at:start+digits+behind])
		return
	}
	p.at = start + digits + behind
	// PCRE2 does not know \u and \U.
	p.special = p.special || behind == 0 || n >= utf8.RuneSelf
	if n < utf8.RuneSelf || p.pcre2 {
		p.literal(byte(n), s)
		return
	}
	p.wideLetter(string(rune(n)), s)
}

// escaped reads the escape of one letter, in classes and outside.
func (p *parser) escaped() (byte, bool) {
	c := p.peek(1)
	p.at += 2
	switch {
	case p.at > len(p.source):
		p.fail("a backslash at the end")
	case c == 'x':
		return p.hex()
	case isDigit(c):
		return p.octal()
	case c == 'e' && p.needPCRE2():
		return 0x1b, true
	case c == 'c' && isLetter(p.peek(0)) && p.needPCRE2():
		p.at++
		return p.source[p.at-1] & 0x1f, true
	case c == 'v' && p.pcre2:
		p.fail(`\v beside something that the first engine refuses`)
	case c != 0 && strings.IndexByte("tnrfva", c) >= 0:
		return "\t\n\r\f\v\a"[strings.IndexByte("tnrfva", c)], true
	case c > ' ' && c < 0x7f && !isLetter(c) && c != '<' && c != '>':
		return c, true
	default:
		p.fail("the escape %q", p.source[p.at-2:p.at])
	}
	return 0, false
}

// hex reads the digits of \xHH. Only PCRE2 takes one digit.
func (p *parser) hex() (byte, bool) {
	digits, hex := 0, posixSet("xdigit")
	for digits < 2 && hex[p.peek(digits)] {
		digits++
	}
	if digits == 0 {
		p.fail(`\x without digits`)
		return 0, false
	}
	if digits == 1 {
		p.needPCRE2()
	}
	n, err := strconv.ParseUint(p.source[p.at:p.at+digits], 16, 8)
	p.at += digits
	return byte(n), err == nil
}

// octal reads \0 with up to two more digits, and three digits: with less than a hundred
// groups, these are no reference to one.
func (p *parser) octal() (byte, bool) {
	p.needPCRE2()
	p.at--
	digits := 1
	for digits < 3 && isOctal(p.peek(digits)) {
		digits++
	}
	text := p.source[p.at : p.at+digits]
	n, err := strconv.ParseUint(text, 8, 8)
	if err != nil || text[0] != '0' && (digits < 3 || strings.Count(p.source, "(") >= 100) {
		p.fail("the escape %q", `\`+text)
		return 0, false
	}
	p.at += digits
	return byte(n), true
}
