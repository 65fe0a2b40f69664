package reports

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// shareMin is the length in bytes from which a value that occurs again is
// written once.
const shareMin = 14

// exactMax is the greatest integer up to which JavaScript has all.
const exactMax = 1<<53 - 1

// packer writes values as encoding/json would, in fewer bytes: an object is a
// list of the number of its keys' set and of the values, a list begins with 0,
// and [-n] is the n-th shared value. Integers that JavaScript would round are
// strings. The text is safe in a script element.
type packer struct {
	shapes    map[string]int
	shapeKeys [][]string
	structs   map[reflect.Type][]structField
	// values are distinct; a value in the text of another is a zero byte, its
	// number and a zero byte, which no JSON has.
	values  []packedValue
	numbers map[string]int
	shared  []string
}

type structField struct {
	key       string
	omitEmpty bool
}

type packedValue struct {
	text   string
	uses   int
	shared int // from 1, in the order of need
}

// packJSON gives a document {"shapes": …, "shared": …, "value": …}.
func packJSON(v any) ([]byte, error) {
	p := packer{shapes: map[string]int{}, structs: map[reflect.Type][]structField{}, numbers: map[string]int{}}
	text, err := p.pack(reflect.ValueOf(v))
	if err != nil {
		return nil, err
	}
	var value, out bytes.Buffer
	p.use(text)
	p.expand(&value, text)
	shapes, err := json.Marshal(p.shapeKeys)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&out, `{"shapes":%s,"shared":[`, shapes)
	// Expanding a shared value may bring in more of them.
	for i := 0; i < len(p.shared); i++ {
		if i > 0 {
			out.WriteByte(',')
		}
		p.expand(&out, p.shared[i])
	}
	fmt.Fprintf(&out, `],"value":%s}`, value.Bytes())
	return out.Bytes(), nil
}

func (p *packer) pack(v reflect.Value) (string, error) {
	switch v.Kind() {
	case reflect.Invalid:
		return "null", nil
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "null", nil
		}
		return p.pack(v.Elem())
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n := v.Int(); n < -exactMax || n > exactMax {
			return `"` + strconv.FormatInt(n, 10) + `"`, nil
		}
		return strconv.FormatInt(v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := v.Uint(); n > exactMax {
			return `"` + strconv.FormatUint(n, 10) + `"`, nil
		}
		return strconv.FormatUint(v.Uint(), 10), nil
	case reflect.String:
		text, err := json.Marshal(v.String())
		return p.share(string(text)), err
	case reflect.Slice:
		return p.list(v)
	case reflect.Map:
		return p.object(v)
	case reflect.Struct:
		return p.fields(v)
	}
	return "", fmt.Errorf("a value of type %v has no form in a report", v.Type())
}

func (p *packer) list(v reflect.Value) (string, error) {
	if v.IsNil() {
		return "null", nil
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return p.share(`"` + base64.StdEncoding.EncodeToString(v.Bytes()) + `"`), nil
	}
	var text strings.Builder
	text.WriteString("[0")
	for i := range v.Len() {
		item, err := p.pack(v.Index(i))
		if err != nil {
			return "", err
		}
		text.WriteByte(',')
		text.WriteString(item)
	}
	return p.share(text.String() + "]"), nil
}

func (p *packer) object(v reflect.Value) (string, error) {
	if v.IsNil() {
		return "null", nil
	}
	values := map[string]reflect.Value{}
	for it := v.MapRange(); it.Next(); {
		values[it.Key().String()] = it.Value()
	}
	keys := slices.Sorted(maps.Keys(values))
	var text strings.Builder
	for _, key := range keys {
		item, err := p.pack(values[key])
		if err != nil {
			return "", err
		}
		text.WriteString("," + item)
	}
	return p.shaped(keys, text.String()), nil
}

func (p *packer) fields(v reflect.Value) (string, error) {
	keys := make([]string, 0, v.NumField())
	var text strings.Builder
	for i, f := range p.structFields(v.Type()) {
		if f.omitEmpty && isEmpty(v.Field(i)) {
			continue
		}
		item, err := p.pack(v.Field(i))
		if err != nil {
			return "", err
		}
		keys = append(keys, f.key)
		text.WriteByte(',')
		text.WriteString(item)
	}
	return p.shaped(keys, text.String()), nil
}

// structFields are named by their tags.
func (p *packer) structFields(t reflect.Type) []structField {
	fields, known := p.structs[t]
	if !known {
		for i := range t.NumField() {
			key, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			fields = append(fields, structField{key, options == "omitempty"})
		}
		p.structs[t] = fields
	}
	return fields
}

// isEmpty is what omitempty leaves out.
func isEmpty(v reflect.Value) bool {
	if k := v.Kind(); k == reflect.Slice || k == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}

// shaped is an object with these keys; every value begins with a comma.
func (p *packer) shaped(keys []string, values string) string {
	name := strings.Join(keys, "\x00")
	number, known := p.shapes[name]
	if !known {
		p.shapeKeys = append(p.shapeKeys, slices.Clone(keys))
		number = len(p.shapeKeys)
		p.shapes[name] = number
	}
	return p.share("[" + strconv.Itoa(number) + values + "]")
}

// share gives what stands for a value in the text of another.
func (p *packer) share(text string) string {
	if len(text) < shareMin {
		return text
	}
	number, known := p.numbers[text]
	if !known {
		number = len(p.values)
		p.numbers[text] = number
		p.values = append(p.values, packedValue{text: text})
		p.use(text)
	}
	return "\x00" + strconv.Itoa(number) + "\x00"
}

// use counts the values in a text.
func (p *packer) use(text string) {
	for _, number, text := nextValue(text); number >= 0; _, number, text = nextValue(text) {
		p.values[number].uses++
	}
}

// nextValue cuts a text at the first value in it; the number is -1 without one.
func nextValue(text string) (before string, number int, after string) {
	before, rest, found := strings.Cut(text, "\x00")
	if !found {
		return before, -1, ""
	}
	digits, after, _ := strings.Cut(rest, "\x00")
	number, err := strconv.Atoi(digits)
	if err != nil {
		return before, -1, ""
	}
	return before, number, after
}

func (p *packer) expand(out *bytes.Buffer, text string) {
	for {
		before, number, after := nextValue(text)
		out.WriteString(before)
		if number < 0 {
			return
		}
		text = after
		v := &p.values[number]
		if v.uses < 2 {
			p.expand(out, v.text)
			continue
		}
		if v.shared == 0 {
			p.shared = append(p.shared, v.text)
			v.shared = len(p.shared)
		}
		fmt.Fprintf(out, "[-%d]", v.shared)
	}
}
