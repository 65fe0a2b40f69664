package importers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// plainJSON writes JSON with all characters as they are.
func plainJSON(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// editField edits the field at the end of a path of objects, which are made where
// they are not there, and changes nothing else of a document. The field is nil
// where there is none; an edit that gives nil removes it. A document in which
// nothing changes keeps its bytes.
func editField(doc []byte, edit func(json.RawMessage) (json.RawMessage, error), path ...string) ([]byte, error) {
	if len(path) == 0 {
		return edit(doc)
	}
	var fields map[string]json.RawMessage
	if doc != nil {
		if err := json.Unmarshal(doc, &fields); err != nil {
			return nil, err
		}
	}
	// Readers differ about names in other cases.
	for name := range maps.Keys(fields) {
		if strings.EqualFold(name, path[0]) && name != path[0] {
			return nil, fmt.Errorf("it has %q instead of %q", name, path[0])
		}
	}
	old := fields[path[0]]
	edited, err := editField(old, edit, path[1:]...)
	switch {
	case err != nil:
		return nil, err
	case bytes.Equal(edited, old):
		return doc, nil
	case fields == nil:
		fields = map[string]json.RawMessage{}
	}
	fields[path[0]] = edited
	if edited == nil {
		delete(fields, path[0])
	}
	return plainJSON(fields)
}

// setTo is an edit that gives a field a value.
func setTo(value any) func(json.RawMessage) (json.RawMessage, error) {
	return func(json.RawMessage) (json.RawMessage, error) { return plainJSON(value) }
}

// editStrings is an edit of an object of strings, such as labels or annotations.
// One that is left empty goes.
func editStrings(edit func(map[string]string)) func(json.RawMessage) (json.RawMessage, error) {
	return func(old json.RawMessage) (json.RawMessage, error) {
		var had map[string]string
		if old != nil {
			if err := json.Unmarshal(old, &had); err != nil {
				return nil, err
			}
		}
		values := maps.Clone(had)
		if values == nil {
			values = map[string]string{}
		}
		edit(values)
		switch {
		case maps.Equal(had, values):
			return old, nil
		case len(values) == 0:
			return nil, nil
		}
		return plainJSON(values)
	}
}
