package importers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// member is a name and a value of a JSON object.
type member[T any] struct {
	name  string
	value T
}

// members are those of an object in their order, with those of equal names; none
// of null, or where there is no document.
func members(doc []byte) ([]member[json.RawMessage], error) {
	var fields map[string]json.RawMessage
	if doc == nil {
		return nil, nil
	}
	if err := json.Unmarshal(doc, &fields); err != nil || fields == nil {
		return nil, err
	}
	var found []member[json.RawMessage]
	d := json.NewDecoder(bytes.NewReader(doc))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		var m member[json.RawMessage]
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m.name, _ = name.(string)
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	return found, nil
}

// onlyMember gives the value of a name, nil if there is none. Readers differ about
// names in other cases, and about which of two values counts.
func onlyMember(all []member[json.RawMessage], name string) (value json.RawMessage, err error) {
	for _, m := range all {
		switch {
		case m.name == name && value != nil:
			return nil, fmt.Errorf("it has %q twice", name)
		case m.name == name:
			value = m.value
		case strings.EqualFold(m.name, name):
			return nil, fmt.Errorf("it has %q instead of %q", m.name, name)
		}
	}
	return value, nil
}

// memberAt goes down a path of objects.
func memberAt(doc []byte, path ...string) (json.RawMessage, error) {
	for _, name := range path {
		all, err := members(doc)
		if err != nil {
			return nil, err
		}
		if doc, err = onlyMember(all, name); err != nil || doc == nil {
			return nil, err
		}
	}
	return doc, nil
}

// stringMembers are those of an object of strings, such as labels or annotations.
func stringMembers(doc []byte) ([]member[string], error) {
	all, err := members(doc)
	if err != nil {
		return nil, err
	}
	var found []member[string]
	for _, m := range all {
		var value string
		if err := json.Unmarshal(m.value, &value); err != nil {
			return nil, fmt.Errorf("%q: %w", m.name, err)
		}
		found = append(found, member[string]{m.name, value})
	}
	return found, nil
}
