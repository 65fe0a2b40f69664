package raw

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// Document is how two JSON documents differ.
type Document struct {
	// Same says that they have the same bytes.
	Same bool
	// Offset is the first byte that differs.
	Offset int64
	// Changes are the values that differ. There are none if the documents differ only
	// in how they are written, or in values that were left out.
	Changes []DocumentChange
	// LeftOut says that values which were left out differ.
	LeftOut bool
}

// DocumentChange is a value of a JSON document that differs.
type DocumentChange struct {
	// Path is one such as history[3].created, or config.Labels["org.example"].
	Path string
	// A and B are the values as JSON, empty for what a side does not have.
	A, B string
}

// Documents compares two JSON documents. Values for whose path leaveOut is true are
// left out; leaveOut may be nil. It is an error if one has a name twice in an object, or
// anything behind its value.
func Documents(a, b []byte, leaveOut func(path string) bool) (*Document, error) {
	if bytes.Equal(a, b) {
		return &Document{Same: true}, nil
	}
	d := documents{leaveOut: leaveOut, out: Document{Offset: int64(samePrefix(a, b))}}
	var values [2]any
	for i, raw := range [][]byte{a, b} {
		if !jsontext.Value(raw).IsValid() {
			return nil, errors.New("it is no JSON that all readers understand")
		}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&values[i]); err != nil {
			return nil, err
		}
	}
	d.compare("", values[0], values[1])
	return &d.out, nil
}

type documents struct {
	leaveOut func(path string) bool
	out      Document
}

// missing stands for a value that a document does not have.
type missing struct{}

func (d *documents) compare(path string, a, b any) {
	left := d.leaveOut != nil && d.leaveOut(path)
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok && !left {
			d.objects(path, x, y)
			return
		}
	case []any:
		if y, ok := b.([]any); ok && !left {
			d.arrays(path, x, y)
			return
		}
	}
	textA, textB := jsonText(a), jsonText(b)
	switch {
	case textA == textB:
	case left:
		d.out.LeftOut = true
	default:
		d.out.Changes = append(d.out.Changes, DocumentChange{Path: path, A: textA, B: textB})
	}
}

func (d *documents) objects(path string, a, b map[string]any) {
	var keys []string
	for key := range a {
		keys = append(keys, key)
	}
	for key := range b {
		if _, both := a[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		d.compare(pathOf(path, key), member(a, key), member(b, key))
	}
}

func member(object map[string]any, key string) any {
	if value, ok := object[key]; ok {
		return value
	}
	return missing{}
}

func (d *documents) arrays(path string, a, b []any) {
	at := func(list []any, i int) any {
		if i < len(list) {
			return list[i]
		}
		return missing{}
	}
	for i := range max(len(a), len(b)) {
		d.compare(path+"["+strconv.Itoa(i)+"]", at(a, i), at(b, i))
	}
}

func pathOf(path, key string) string {
	special := func(r rune) bool { return r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	switch {
	case key == "" || strings.ContainsFunc(key, special):
		return path + fmt.Sprintf("[%q]", key)
	case path == "":
		return key
	}
	return path + "." + key
}

func jsonText(value any) string {
	if value == (any)(missing{}) {
		return ""
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	// What was decoded can be encoded.
	_ = enc.Encode(value)
	return string(bytes.TrimSuffix(buf.Bytes(), []byte("\n")))
}
