package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"reflect"
	"strings"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"cfsverify/canon/printable"
)

// Decode reads a document into what to points to, such that all readers agree on what
// it says. Names count as the tags of structs have them, and others are ignored, as OCI
// image-spec wants it (considerations.md, "Extensibility"). It is an AmbiguityError if a
// name is there twice in one object, wherever that is, or if a name differs from one of
// the struct's in nothing but its case. It is an error if the document is no UTF-8, has
// anything behind its value, is nested more than 10,000 deep, has more than ValuesMax
// values, or is null where to is a struct.
func Decode(raw []byte, to any) error {
	if err := CheckValues(raw); err != nil {
		return err
	}
	names := nameChecker{jsontext.NewDecoder(bytes.NewBuffer(raw)), map[reflect.Type]map[string]reflect.Type{}}
	t := reflect.TypeOf(to).Elem()
	isNull := names.PeekKind() == 'n'
	if err := names.value(t); err != nil {
		return explain(err)
	}
	if isNull && t.Kind() == reflect.Struct {
		return errors.New("it is null")
	}
	// The configs of images have durations as numbers.
	return explain(strict.Unmarshal(raw, to, jsonv1.FormatDurationAsNano(true)))
}

// AmbiguityError says that readers of a document differ about what it says.
type AmbiguityError struct {
	// Member is a JSON pointer, RFC 6901, to what they differ about.
	Member string
	// Why is said of the member.
	Why string
}

func (e *AmbiguityError) Error() string {
	return fmt.Sprintf("member %s %s, and readers differ about what counts", quote(e.Member), e.Why)
}

// ValuesMax is how many values a document may have: enough for one of SizeMax bytes that
// lists images. A descriptor takes some 200 bytes of memory, however little is in it.
const ValuesMax = 1 << 19

// CheckValues refuses a document with more than ValuesMax values. Other faults are not
// looked at.
func CheckValues(raw []byte) error {
	values := 0
	for d := jsontext.NewDecoder(bytes.NewBuffer(raw)); ; {
		token, err := d.ReadToken()
		if err != nil {
			return nil
		}
		in, n := d.StackIndex(d.StackDepth())
		isName := in == '{' && n%2 == 1
		if kind := token.Kind(); !isName && kind != '}' && kind != ']' {
			values++
		}
		if values > ValuesMax {
			return fmt.Errorf("it has more than %d values", ValuesMax)
		}
	}
}

// Mentions says whether a string is in a document, as a name or value, however it is
// written and whatever is wrong behind it.
func Mentions(raw []byte, value string) bool {
	d := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		token, err := d.ReadToken()
		if err != nil {
			return false
		}
		if token.Kind() == '"' && token.String() == value {
			return true
		}
	}
}

// nameChecker reads a document and refuses names that differ from those of a type in
// nothing but their case. What is of another type than it should be is left to who
// decodes it.
type nameChecker struct {
	*jsontext.Decoder
	fields map[reflect.Type]map[string]reflect.Type
}

// value reads a value of a type.
func (c *nameChecker) value(t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	kind := c.PeekKind()
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
	case kind == '{' && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map):
		return c.members(t)
	case kind == '[' && t.Kind() == reflect.Slice:
		if _, err := c.ReadToken(); err != nil {
			return err
		}
		for c.PeekKind() != ']' {
			if err := c.value(t.Elem()); err != nil {
				return err
			}
		}
		_, err := c.ReadToken()
		return err
	}
	return c.SkipValue()
}

// members reads an object of a struct or map.
func (c *nameChecker) members(t reflect.Type) error {
	if _, err := c.ReadToken(); err != nil {
		return err
	}
	for c.PeekKind() != '}' {
		token, err := c.ReadToken()
		if err != nil {
			return err
		}
		if err := c.member(t, token.String()); err != nil {
			return err
		}
	}
	_, err := c.ReadToken()
	return err
}

func (c *nameChecker) member(t reflect.Type, name string) error {
	if t.Kind() == reflect.Map {
		return c.value(t.Elem())
	}
	fields := c.fields[t]
	if fields == nil {
		fields = fieldsOf(t)
		c.fields[t] = fields
	}
	if field := fields[name]; field != nil {
		return c.value(field)
	}
	if err := checkCase(maps.Keys(fields), name, c.StackPointer()); err != nil {
		return err
	}
	return c.SkipValue()
}

// checkCase refuses a name if it is another one in another case.
func checkCase(known iter.Seq[string], name string, at jsontext.Pointer) error {
	for k := range known {
		if strings.EqualFold(k, name) {
			return &AmbiguityError{Member: string(at), Why: fmt.Sprintf("is %q in another case", k)}
		}
	}
	return nil
}

// fieldsOf are the names that a struct has in JSON, with those of the structs embedded
// in it.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() || name == "-" || f.Anonymous && name == "":
		case name == "":
			fields[f.Name] = f.Type
		default:
			fields[name] = f.Type
		}
	}
	return fields
}

// explain says what is wrong in our words: those of the library change with its versions,
// and even from run to run.
func explain(err error) error {
	var syntax *jsontext.SyntacticError
	var semantic *strict.SemanticError
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty")
	case errors.As(err, &syntax) && errors.Is(syntax, jsontext.ErrDuplicateName):
		return &AmbiguityError{Member: string(syntax.JSONPointer), Why: "is there twice"}
	case errors.As(err, &syntax) && errors.Is(syntax, io.ErrUnexpectedEOF):
		return fmt.Errorf("it breaks off at byte %d", syntax.ByteOffset)
	case errors.As(err, &syntax):
		return fmt.Errorf("%w, at byte %d", printable.Error(syntax.Err), syntax.ByteOffset)
	case errors.As(err, &semantic):
		what := "it"
		if semantic.JSONPointer != "" {
			what = "member " + quote(string(semantic.JSONPointer))
		}
		if semantic.JSONKind == 0 || semantic.Err != nil && semantic.JSONKind == '"' {
			return fmt.Errorf("%s: %w", what, printable.Error(semantic.Err))
		}
		return fmt.Errorf("%s cannot be %s", what, kindName(semantic.JSONKind))
	}
	return err
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case '0':
		return "such a number"
	}
	return printable.Text(k.String())
}

// quote shows a pointer, of which a document can make a long one.
func quote(pointer string) string {
	const most = 200
	if len(pointer) > most {
		return fmt.Sprintf("%q…", pointer[:most])
	}
	return fmt.Sprintf("%q", pointer)
}
