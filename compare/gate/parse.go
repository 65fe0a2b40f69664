package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"cfsverify/canon/printable"
	"cfsverify/compare/blame"
)

// CauseError says that a cause is not known.
type CauseError struct{ Cause blame.Cause }

func (e *CauseError) Error() string {
	return fmt.Sprintf("the cause %q is not known: causes are the names that reports begin findings with", e.Cause)
}

// ParseCauses reads a list of causes that are separated by commas. One without any is an
// error: it would be read as all causes.
func ParseCauses(list string) ([]blame.Cause, error) {
	var causes []blame.Cause
	for name := range strings.SplitSeq(list, ",") {
		cause := blame.Cause(strings.TrimSpace(name))
		if cause == "" {
			continue
		}
		if !slices.Contains(blame.Causes(), cause) {
			return nil, &CauseError{cause}
		}
		causes = append(causes, cause)
	}
	if len(causes) == 0 {
		return nil, errors.New("no cause is named")
	}
	return causes, nil
}

// Parse reads allowances of differences in YAML: a list under the key allow, of mappings
// with the keys cause, path, attribute, reason and expires (a date). What Parse does not
// know is an error, and so is a key that stands twice or has no value: a rule without the
// key would fit more. Errors begin with line and column.
func Parse(data []byte) ([]Allowance, error) {
	return parse(data, allowParser{causes: blame.Causes()})
}

// ParseLint reads allowances of departures, as Parse does. Their causes are rules about
// archives, and none has an attribute.
func ParseLint(data []byte) ([]Allowance, error) {
	return parse(data, allowParser{causes: TarRules(), whole: true})
}

// at is an error that lies at a node.
func at(node ast.Node, format string, args ...any) error {
	return &yaml.SyntaxError{Message: fmt.Sprintf(format, args...), Token: node.GetToken()}
}

func parse(data []byte, p allowParser) ([]Allowance, error) {
	p.anchors = map[string]ast.Node{}
	if err := p.file(data); err != nil {
		return nil, errors.New(formatError(err))
	}
	return p.rules, nil
}

// formatError is an error with its place, and the lines of the file that it is about.
// Without a token it is about the whole.
func formatError(err error) string {
	text := strings.TrimSpace(yaml.FormatError(err, false, true))
	if !strings.HasPrefix(text, "[") {
		text = "[1:1] " + text
	}
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, printable.Line(line))
	}
	return strings.Join(lines, "\n  ")
}

// file reads a whole file.
func (p *allowParser) file(data []byte) error {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return err
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return errNoRule
	}
	if len(file.Docs) > 1 {
		second := file.Docs[1]
		begin := second.Start
		if begin == nil && second.Body != nil {
			begin = second.Body.GetToken()
		}
		return &yaml.SyntaxError{Message: "a second document begins: write all rules in one list", Token: begin}
	}
	body := file.Docs[0].Body
	err = p.members(body, []string{"allow"}, func(key, value ast.Node) error {
		list, ok := p.resolve(value).(*ast.SequenceNode)
		if !ok {
			return at(key, `write a list under the key "allow"`)
		}
		for i, value := range list.Values {
			if err := p.rule(i+1, value); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(p.rules) == 0 {
		return errNoRule
	}
	return err
}

var errNoRule = errors.New(`there is no rule: write a list under the key "allow"`)

// allowParser makes allowances of nodes.
type allowParser struct {
	causes []blame.Cause
	// whole says that nothing is accepted in part, by an attribute.
	whole   bool
	anchors map[string]ast.Node
	rules   []Allowance
}

// resolve gives the node that an alias stands for, without its anchor or tag.
func (p *allowParser) resolve(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.AnchorNode:
		value := p.resolve(n.Value)
		p.anchors[n.Name.GetToken().Value] = value
		return value
	case *ast.AliasNode:
		return p.anchors[n.Value.GetToken().Value]
	case *ast.TagNode:
		return p.resolve(n.Value)
	}
	return node
}

// members calls read for each member of a mapping that has some of these keys, each
// once.
func (p *allowParser) members(node ast.Node, keys []string, read func(key, value ast.Node) error) error {
	mapping, ok := p.resolve(node).(ast.MapNode)
	if !ok {
		return at(node, "write %s: and its value", strings.Join(keys, ":, "))
	}
	seen := map[string]bool{}
	for members := mapping.MapRange(); members.Next(); {
		key := members.Key()
		switch name := keyName(key); {
		case !slices.Contains(keys, name):
			return at(key, "unknown field %q", name)
		case seen[name]:
			return at(key, "mapping key %q already defined", name)
		default:
			seen[name] = true
		}
		if err := read(key, members.Value()); err != nil {
			return err
		}
	}
	return nil
}

func keyName(key ast.Node) string {
	if explicit, ok := key.(*ast.MappingKeyNode); ok {
		key = explicit.Value
	}
	return key.GetToken().Value
}

// rule reads the rule of a number, counted from 1.
func (p *allowParser) rule(number int, node ast.Node) error {
	rule, first := Allowance{}, node
	err := p.members(node, []string{"cause", "path", "attribute", "reason", "expires"}, func(key, value ast.Node) error {
		if first == node {
			first = key
		}
		text, ok := scalarText(p.resolve(value))
		switch {
		case !ok:
			return at(key, "rule %d: %s is no text", number, printable.Text(keyName(key)))
		case p.whole && keyName(key) == "attribute":
			return at(key, "rule %d: rules for lint have no attribute: a departure is accepted as a whole", number)
		case isBlank(text):
			return at(key, "rule %d: %s has no value: leave the key out if the rule is to fit all", number, printable.Text(keyName(key)))
		}
		if err := rule.set(keyName(key), text); err != nil {
			return at(key, "rule %d: %v", number, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := rule.Validate(p.causes); err != nil {
		return at(first, "rule %d: %v", number, err)
	}
	p.rules = append(p.rules, rule)
	return nil
}

// set sets the field of a key.
func (r *Allowance) set(key, text string) (err error) {
	switch key {
	case "cause":
		r.Cause = blame.Cause(text)
	case "path":
		r.Path = text
	case "attribute":
		r.Attribute = text
	case "reason":
		r.Reason = text
	case "expires":
		// The zero time would be no end.
		if r.Expires, err = time.Parse(time.DateOnly, text); err != nil || r.Expires.IsZero() {
			return fmt.Errorf("%q is not a date such as 2027-01-31", text)
		}
	}
	return nil
}

// scalarText is a scalar as it is written, empty for null; not so a list or mapping.
func scalarText(node ast.Node) (text string, ok bool) {
	switch n := node.(type) {
	case nil:
		return "", false
	case *ast.NullNode:
		return "", true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case ast.ScalarNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// isBlank says that nobody would see anything of a text.
func isBlank(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }) < 0
}
