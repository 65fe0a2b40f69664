package selinux

import (
	"fmt"
	"regexp/syntax"
	"unicode/utf8"
)

const (
	// nestMax is a quarter of what composefs-rs's parser takes, as that counts
	// alternations, concatenations and repetitions too.
	nestMax = 50
	nameMax = 32
	// patternSizeMax is more than composefs-rs was seen to take.
	patternSizeMax = 150_000
)

// pattern is what a pattern means, in a form that Go's regexp and regexp2 read alike:
// each byte of a path is one letter (Latin-1), "." is any letter, and everything but
// groups, alternation, quantifiers, lookaround and classes of ranges is gone.
type pattern struct {
	// prefix is what all paths that match begin with. If isLiteral, it is the only path
	// that matches.
	prefix    string
	isLiteral bool
	// needle is the longest text that each path has somewhere behind the prefix.
	needle string
	// backtracks: the pattern is for regexp2.
	backtracks bool
	text       string
	// size is about the number of states of a program for the pattern.
	size int
	// special: the pattern has something that libselinux does not read as composefs-rs does.
	special bool
}

// parsePattern reads a pattern, or says what is in it that is not supported.
// composefs-rs gives a pattern to its first engine, regex-syntax, and only what that
// refuses to PCRE2. Some things have another meaning there.
func parsePattern(source string) (pattern, string) {
	if len(source) > patternSizeMax {
		return pattern{}, "its length"
	}
	p := parser{source: source}
	if p.parse(); p.reason == forPCRE2 {
		p = parser{source: source, pcre2: true, backtracks: true}
		p.parse()
	}
	if p.reason != "" {
		return pattern{}, p.reason
	}
	result := pattern{backtracks: p.backtracks, text: string(p.out), size: p.size, special: p.special || p.alternatives}
	if !p.alternatives {
		result.prefix, result.isLiteral, result.needle = string(p.fixed), !p.unfixed, p.needle
	}
	if p.counts && !p.backtracks {
		// Go's regexp bounds counts, regexp2 does not.
		_, err := syntax.Parse(result.text, syntax.Perl)
		result.backtracks = err != nil
	}
	return result, ""
}

// forPCRE2 is no reason to refuse a pattern, but to parse it as PCRE2 does.
const forPCRE2 = "the first engine refuses it"

type parser struct {
	source string
	at     int
	// pcre2: the pattern is one that regex-syntax refuses.
	pcre2      bool
	backtracks bool
	counts     bool
	out        []byte
	// fixed is the literal text at the start; unfixed says that something else followed,
	// and alternatives that another whole path may start otherwise.
	fixed        []byte
	unfixed      bool
	alternatives bool
	// run is literal text behind that, outside of parentheses, which ends at runEnd of out;
	// needle is the longest.
	run    []byte
	runEnd int
	needle string
	names  map[string]bool
	// folds: (?i) is there; wide: a letter that is not ASCII.
	folds bool
	wide  bool
	size  int
	// special is as in pattern.
	special bool
	reason  string
}

// scope is what parentheses bound.
type scope struct {
	fold, dotAll bool
	depth        int
	// behind: inside a lookbehind.
	behind bool
}

// fail refuses the pattern.
func (p *parser) fail(format string, args ...any) {
	if p.reason == "" {
		p.reason = fmt.Sprintf(format, args...)
	}
}

// needPCRE2 says that regex-syntax refuses the pattern, and whether it is parsed as
// PCRE2 does already.
func (p *parser) needPCRE2() bool {
	if !p.pcre2 {
		p.fail(forPCRE2)
	}
	return p.pcre2
}

func (p *parser) more() bool { return p.reason == "" && p.at < len(p.source) }

// peek is the byte that is so far ahead, 0 behind the end.
func (p *parser) peek(ahead int) byte {
	if p.at+ahead < len(p.source) {
		return p.source[p.at+ahead]
	}
	return 0
}

func (p *parser) write(text string) { p.out = append(p.out, text...) }

func (p *parser) parse() {
	p.expression(scope{})
	if p.reason == "" && p.at < len(p.source) {
		p.fail("a closing parenthesis that nothing opened")
	}
	if p.folds && p.wide {
		p.fail("a letter that is not ASCII beside (?i)")
	}
	if p.size > patternSizeMax {
		p.fail("repetitions that make it too large")
	}
}

// expression reads up to the end or to the parenthesis that closes it.
func (p *parser) expression(s scope) {
	for p.more() {
		switch p.peek(0) {
		case ')':
			return
		case '|':
			p.at++
			p.unfixed = true
			p.alternatives = p.alternatives || s.depth == 0
			p.write("|")
			p.size++
		case '(':
			start, size := len(p.out), p.size
			p.unfixed = true
			if p.group(&s) {
				p.quantifier(s, start, p.size-size)
			}
		default:
			p.atom(s)
		}
	}
}

// atom reads one letter, class or assertion, and its quantifier.
func (p *parser) atom(s scope) {
	start := len(p.out)
	switch c := p.peek(0); c {
	case '.':
		p.at++
		p.unfixed = true
		if p.pcre2 && !s.dotAll {
			p.writeSet(newSet('\n').negated())
		} else {
			p.write(".")
		}
	case '^':
		p.at++
		p.assertion(`\A`)
		return
	case '$':
		// PCRE2 has it before a newline at the end too, but the type is at the end.
		p.at++
		p.assertion(`\z`)
		return
	case '[':
		p.unfixed = true
		if set := p.class(s); p.reason == "" {
			p.writeSet(set)
		}
	case '*', '+', '?':
		p.fail("%q with nothing before it", string(c))
	case '\\':
		if !p.escape(s) {
			return
		}
	default:
		if _, _, _, counts := p.count(); c == '{' && (counts || p.needPCRE2() && p.peek(1) == ',') {
			p.fail("a count with nothing before it")
		}
		p.letter(s)
	}
	p.size++
	p.quantifier(s, start, 1)
}

// letter reads one letter of the pattern's text. Only PCRE2 takes the bytes of one that
// is not ASCII for letters each.
func (p *parser) letter(s scope) {
	if p.peek(0) >= utf8.RuneSelf && !p.pcre2 {
		_, length := utf8.DecodeRuneInString(p.source[p.at:])
		p.at += length
		p.wideLetter(p.source[p.at-length:p.at], s)
		return
	}
	p.at++
	p.literal(p.source[p.at-1], s)
}

// wideLetter writes a letter that is not ASCII as one item.
func (p *parser) wideLetter(utf8 string, s scope) {
	p.size += len(utf8)
	p.write("(?:")
	for i := range len(utf8) {
		p.literal(utf8[i], scope{depth: s.depth})
	}
	p.write(")")
}

// assertion writes what takes no letter. At the very start, \A does not end the fixed
// text.
func (p *parser) assertion(text string) {
	if text != `\A` || len(p.out) > 0 {
		p.unfixed, p.special = true, true
	}
	p.write(text)
	p.size++
	if p.isQuantifier() {
		p.fail("a quantifier of a place, not of a letter")
	}
}

// literal writes a letter.
func (p *parser) literal(c byte, s scope) {
	if c >= utf8.RuneSelf {
		p.wide = true
	}
	if s.fold && isLetter(c) {
		p.unfixed = true
		folded := newSet(c)
		folded.fold()
		p.writeSet(folded)
		return
	}
	quantified := p.isQuantifier()
	inRun := p.unfixed && !quantified && s.depth == 0
	// A quantifier ends the fixed text before its letter.
	if p.unfixed = p.unfixed || quantified; !p.unfixed {
		p.fixed = append(p.fixed, c)
	}
	if inRun {
		if p.runEnd != len(p.out) {
			p.run = p.run[:0]
		}
		if p.run = append(p.run, c); len(p.run) > len(p.needle) {
			p.needle = string(p.run)
		}
	}
	if isWord(c) || c == '/' {
		p.out = append(p.out, c)
	} else {
		p.out = fmt.Appendf(p.out, `\x%02x`, c)
	}
	if inRun {
		p.runEnd = len(p.out)
	}
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isOctal(c byte) bool  { return '0' <= c && c <= '7' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isWord(c byte) bool   { return isDigit(c) || isLetter(c) || c == '_' }
