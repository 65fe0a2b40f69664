package selinux

import (
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"

	"cfsverify/canon"
	"cfsverify/canon/printable"
)

// rule is a rule with its pattern.
type rule struct {
	Rule
	pattern pattern
	// special: libselinux refuses the line, or reads it in another way.
	special bool
	// compiled is nil until the rule is first tried.
	compiled atomic.Pointer[regexp.Regexp]
	// backtracking is set for patterns that Go's regexp does not know.
	backtracking *regexp2.Regexp
}

func newRule(path string, l line) (*rule, error) {
	parsed, err := parseRule(path, l)
	if err != nil {
		return nil, err
	}
	r := &rule{Rule: parsed}
	var reason string
	if r.pattern, reason = parsePattern(r.Pattern); reason != "" {
		return nil, r.error("this program does not read such patterns as composefs-rs does: " + reason)
	}
	r.special = r.pattern.special || strings.ContainsFunc(l.text, func(c rune) bool { return c == 0 || c >= utf8.RuneSelf })
	if r.pattern.backtracks {
		r.backtracking, err = regexp2.Compile(`(?s)\A(?:`+r.pattern.text+`).\z`, regexp2.None)
		if err != nil {
			return nil, r.error(printable.Line(err.Error()))
		}
		r.backtracking.MatchTimeout = timeMax
	}
	return r, nil
}

// Text is the rule as a line of its file has it, with one space between fields.
func (r *Rule) Text() string {
	if r.Kind == 0 {
		return r.Pattern + " " + r.Context
	}
	return r.Pattern + " -" + string(kindCodes[r.Kind]) + " " + r.Context
}

func (r *rule) error(reason string) *Error {
	return &Error{Path: r.File, Line: r.Line, Rule: r.Pattern, Reason: reason}
}

func (r *rule) fits(kind canon.Kind) bool { return r.Kind == 0 || r.Kind == kind }

// timeMax is how long regexp2 may try a path. PCRE2 says that there is no match after
// 10,000,000 steps. Nothing else counts these steps; where this was measured, regexp2 took
// ten times as long as this for so many.
const timeMax = 20 * time.Millisecond

// workMax is how much work labelling a tree may be. Trying a rule is 1; more if the path
// or the pattern is long and, with regexp2, for each microsecond.
const workMax = 100_000_000

type work struct{ done, max int }

// add says whether so much more is still within bounds.
func (w *work) add(n int) bool {
	w.done += n
	return w.done <= w.max
}

// matches tries the rule on a path, in UTF-8 of its bytes as Latin-1 and with the code
// of the type behind.
func (r *rule) matches(text []byte, w *work) (bool, error) {
	if r.backtracking != nil {
		return r.backtrack(string(text), w)
	}
	if !w.add(len(text) * r.pattern.size >> 14) {
		return false, r.tooMuchWork()
	}
	return r.program().Match(text), nil
}

// backtrack tries a pattern with regexp2. It tries again where time ran out, as that
// may have been a pause of the machine.
func (r *rule) backtrack(text string, w *work) (bool, error) {
	for range 3 {
		start := time.Now()
		matched, err := r.backtracking.MatchString(text)
		took := time.Since(start)
		if !w.add(int(took.Microseconds())) {
			return false, r.tooMuchWork()
		}
		// regexp2 looks at a clock that is slower than timeMax.
		if err == nil && took < timeMax {
			return matched, nil
		}
	}
	return false, r.error(fmt.Sprintf("matching %q takes longer than %v", text[:len(text)-1], timeMax))
}

func (r *rule) tooMuchWork() *Error {
	return &Error{Path: r.File, Reason: "labelling all files by these rules is too much work"}
}

func (r *rule) program() *regexp.Regexp {
	program := r.compiled.Load()
	if program == nil {
		program = regexp.MustCompile(`(?s)\A(?:` + r.pattern.text + `).\z`)
		r.compiled.Store(program)
	}
	return program
}

// appendLatin1 appends bytes as letters of Latin-1 in UTF-8.
func appendLatin1(text, bytes []byte) []byte {
	for _, b := range bytes {
		text = utf8.AppendRune(text, rune(b))
	}
	return text
}
