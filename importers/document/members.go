package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Member is a name and a value of a JSON object.
type Member[T any] struct {
	Name  string
	Value T
}

// Members are those of an object in their order, with those of equal names; none
// of null, or where there is no document.
func Members(doc []byte) ([]Member[json.RawMessage], error) {
	var fields map[string]json.RawMessage
	if doc == nil {
		return nil, nil
	}
	if err := json.Unmarshal(doc, &fields); err != nil || fields == nil {
		return nil, err
	}
	var found []Member[json.RawMessage]
	d := json.NewDecoder(bytes.NewReader(doc))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		var m Member[json.RawMessage]
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m.Name, _ = name.(string)
		if err := d.Decode(&m.Value); err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	return found, nil
}

// Only gives the value of a name, nil if there is none. Readers differ about
// names in other cases, and about which of two values counts.
func Only(all []Member[json.RawMessage], name string) (value json.RawMessage, err error) {
	for _, m := range all {
		switch {
		case m.Name == name && value != nil:
			return nil, fmt.Errorf("it has %q twice", name)
		case m.Name == name:
			value = m.Value
		case strings.EqualFold(m.Name, name):
			return nil, fmt.Errorf("it has %q instead of %q", m.Name, name)
		}
	}
	return value, nil
}

// At goes down a path of objects.
func At(doc []byte, path ...string) (json.RawMessage, error) {
	for _, name := range path {
		all, err := Members(doc)
		if err != nil {
			return nil, err
		}
		if doc, err = Only(all, name); err != nil || doc == nil {
			return nil, err
		}
	}
	return doc, nil
}

// Strings are those of an object of strings, such as labels or annotations.
func Strings(doc []byte) ([]Member[string], error) {
	all, err := Members(doc)
	if err != nil {
		return nil, err
	}
	var found []Member[string]
	for _, m := range all {
		var value string
		if err := json.Unmarshal(m.Value, &value); err != nil {
			return nil, fmt.Errorf("%q: %w", m.Name, err)
		}
		found = append(found, Member[string]{m.Name, value})
	}
	return found, nil
}
