package selinux

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cfsverify/canon/printable"
)

const (
	// countMax is the limit of PCRE2.
	countMax = 65535
	// chainMax is how many quantifiers of quantifiers are read.
	chainMax = 4
)

// isQuantifier says that a quantifier is next.
func (p *parser) isQuantifier() bool {
	switch p.peek(0) {
	case '*', '+', '?':
		return true
	case '{':
		_, _, _, counts := p.count()
		// The first engine refuses a brace that counts nothing.
		return counts || !p.pcre2
	}
	return false
}

// quantifier reads the quantifiers of what was written from start on. regex-syntax takes
// a quantifier behind another for one of both, PCRE2 a + for a promise not to go back.
func (p *parser) quantifier(s scope, start, size int) {
	for chain := 0; p.reason == "" && p.isQuantifier(); chain++ {
		if s.behind {
			p.fail("a quantifier in a lookbehind")
		}
		if chain > 0 {
			if p.pcre2 || chain == chainMax {
				p.fail("a quantifier of a quantifier")
				return
			}
			p.special = true
			p.wrap("(?:", start)
		}
		size = p.oneQuantifier(size)
		switch p.peek(0) {
		case '?':
			p.at++
			p.write("?")
		case '+':
			if p.pcre2 {
				// PCRE2 takes a ?+ of parentheses for none when it looks whether what
				// is before needs to go back.
				if p.out[start] == '(' {
					p.fail("a possessive quantifier of parentheses")
				}
				p.at++
				p.wrap("(?>", start)
			}
		}
	}
}

// wrap puts parentheses around what was written from start on.
func (p *parser) wrap(open string, start int) {
	p.out = append(slices.Insert(p.out, start, []byte(open)...), ')')
}

// oneQuantifier reads a quantifier of something of a size, and gives the size of both.
func (p *parser) oneQuantifier(size int) int {
	c := p.peek(0)
	if c != '{' {
		p.at++
		p.out = append(p.out, c)
		p.size++
		return size + 1
	}
	least, most, length, counts := p.count()
	switch {
	case !counts && p.peek(1) == ',':
		// Releases of PCRE2 differ.
		p.fail("a count without its first number")
	case !counts:
		p.needPCRE2()
	case most >= 0 && least > most || max(least, most) > countMax:
		p.fail("the count %s", printable.Text(p.source[p.at:p.at+length]))
	}
	p.counts = true
	p.at += length
	switch most {
	case least:
		p.out = fmt.Appendf(p.out, "{%d}", least)
	case unbounded:
		p.out = fmt.Appendf(p.out, "{%d,}", least)
	default:
		p.out = fmt.Appendf(p.out, "{%d,%d}", least, most)
	}
	times := max(least, most, 1)
	p.size = min(p.size+size*times, sizeMax)
	return min(size*times, sizeMax)
}

// unbounded is the most of a count without one.
const unbounded = -1

// count reads ahead {N}, {N,} or {N,M}, and says whether it is there.
func (p *parser) count() (least, most, length int, counts bool) {
	body, _, found := strings.Cut(p.source[p.at:min(p.at+32, len(p.source))], "}")
	body, opens := strings.CutPrefix(body, "{")
	if !found || !opens {
		return 0, 0, 0, false
	}
	low, high, isRange := strings.Cut(body, ",")
	least, counts = number(low)
	most = least
	switch {
	case isRange && high == "":
		most = unbounded
	case isRange:
		var also bool
		most, also = number(high)
		counts = counts && also
	}
	return least, most, len(body) + len("{}"), counts
}

// number reads digits. What is more than countMax may be some other number that is.
func number(digits string) (int, bool) {
	for i := range len(digits) {
		if !isDigit(digits[i]) {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if errors.Is(err, strconv.ErrRange) {
		return countMax + 1, true
	}
	return int(n), err == nil
}
