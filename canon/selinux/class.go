package selinux

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// set is a set of bytes.
type set [256]bool

func newSet(bytes ...byte) *set {
	var s set
	for _, b := range bytes {
		s[b] = true
	}
	return &s
}

func (s *set) addRange(low, high byte) {
	for b := int(low); b <= int(high); b++ {
		s[b] = true
	}
}

func (s *set) add(other *set) {
	for b, in := range other {
		s[b] = s[b] || in
	}
}

func (s *set) negated() *set {
	var n set
	for b, in := range s {
		n[b] = !in
	}
	return &n
}

// fold adds the other case of all ASCII letters.
func (s *set) fold() {
	for b := byte('a'); b <= 'z'; b++ {
		upper := b - 'a' + 'A'
		either := s[b] || s[upper]
		s[b], s[upper] = either, either
	}
}

// writeSet writes a class of ranges.
func (p *parser) writeSet(s *set) {
	p.write("[")
	empty := true
	for low := 0; low < len(s); low++ {
		if !s[low] {
			continue
		}
		high := low
		for high+1 < len(s) && s[high+1] {
			high++
		}
		p.out = fmt.Appendf(p.out, `\x%02x-\x%02x`, low, high)
		low, empty = high, false
	}
	p.write("]")
	if empty {
		p.fail("a class of no letters")
	}
}

// posix are the classes that [:NAME:] names: ranges of ASCII letters.
var posix = map[string]string{
	"alnum": "09AZaz", "alpha": "AZaz", "ascii": "\x00\x7f", "blank": "\t\t  ", "cntrl": "\x00\x1f\x7f\x7f",
	"digit": "09", "graph": "!~", "lower": "az", "print": " ~", "punct": "!/:@[`{~", "space": "\t\r  ",
	"upper": "AZ", "word": "09AZaz__", "xdigit": "09AFaf",
}

func posixSet(name string) *set {
	var s set
	for ranges := posix[name]; ranges != ""; ranges = ranges[2:] {
		s.addRange(ranges[0], ranges[1])
	}
	return &s
}

// perlSet is the class \d, \w, \s or its negation, nil for another letter.
func perlSet(c byte) *set {
	names := map[byte]string{'d': "digit", 'w': "word", 's': "space"}
	name := names[c|0x20]
	if name == "" {
		return nil
	}
	s := posixSet(name)
	if c < 'a' {
		return s.negated()
	}
	return s
}

// class reads a class with its brackets.
func (p *parser) class(s scope) *set {
	p.at++
	negate := p.peek(0) == '^'
	if negate {
		p.at++
	}
	members := &set{}
	for first := true; ; first = false {
		if !p.more() {
			p.fail("a bracket that is not closed")
			return nil
		}
		if p.peek(0) == ']' && !first {
			p.at++
			break
		}
		p.member(members, first)
	}
	if s.fold {
		members.fold()
	}
	if negate {
		members = members.negated()
	}
	return members
}

// member reads a letter, a range or a class in a class.
func (p *parser) member(members *set, first bool) {
	c := p.peek(0)
	switch {
	case strings.IndexByte("&-~", c) >= 0 && p.peek(1) == c:
		p.fail("%q in a class", strings.Repeat(string(c), 2))
		return
	case c == '-':
		if !first && p.peek(1) != ']' {
			p.fail("a dash in the middle of a class")
		}
		p.at++
		members['-'] = true
		return
	case c == '[':
		p.posix(members)
		return
	case c == '\\' && perlSet(p.peek(1)) != nil:
		members.add(perlSet(p.peek(1)))
		p.at += 2
		return
	}
	leading := c == ']'
	low := p.classLetter()
	if p.peek(0) != '-' || p.peek(1) == ']' {
		members[low] = true
		return
	}
	p.at++
	switch high := p.peek(0); {
	case leading, high == '-', high == '[', high == '\\' && perlSet(p.peek(1)) != nil:
		p.fail("a dash in the middle of a class")
		return
	}
	high := p.classLetter()
	if low > high {
		p.fail("a range of letters in a class that ends before it starts")
	}
	members.addRange(low, high)
}

// classLetter reads one letter of a class.
func (p *parser) classLetter() byte {
	c := p.peek(0)
	switch {
	case c == '\\':
		c, _ = p.escaped()
		return c
	case c >= utf8.RuneSelf:
		p.needPCRE2()
		p.wide = true
	}
	p.at++
	return c
}

// posix reads [:NAME:] and [:^NAME:] in a class.
func (p *parser) posix(members *set) {
	name, _, found := strings.Cut(p.source[p.at:], ":]")
	name, isPosix := strings.CutPrefix(name, "[:")
	plain := strings.TrimPrefix(name, "^")
	if !found || !isPosix || posix[plain] == "" {
		p.fail("an opening bracket in a class")
		return
	}
	p.at += len("[:") + len(name) + len(":]")
	named := posixSet(plain)
	if plain != name {
		named = named.negated()
	}
	members.add(named)
}
