package document

import (
	"bytes"
	"encoding/json"
	"maps"
)

// Marshal writes JSON with all characters as they are.
func Marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Edit edits the field at the end of a path of objects, which are made where
// they are not there, and changes nothing else of a document. The field is nil
// where there is none; an edit that gives nil removes it. A document in which
// nothing changes keeps its bytes.
func Edit(doc []byte, edit func(json.RawMessage) (json.RawMessage, error), path ...string) ([]byte, error) {
	if len(path) == 0 {
		return edit(doc)
	}
	had, err := Members(doc)
	if err != nil {
		return nil, err
	}
	old, err := Only(had, path[0])
	if err != nil {
		return nil, err
	}
	edited, err := Edit(old, edit, path[1:]...)
	switch {
	case err != nil:
		return nil, err
	case bytes.Equal(edited, old):
		return doc, nil
	}
	fields := map[string]json.RawMessage{}
	for _, m := range had {
		fields[m.Name] = m.Value
	}
	fields[path[0]] = edited
	if edited == nil {
		delete(fields, path[0])
	}
	return Marshal(fields)
}

// Set is an edit that gives a field a value.
func Set(value any) func(json.RawMessage) (json.RawMessage, error) {
	return func(json.RawMessage) (json.RawMessage, error) { return Marshal(value) }
}

// EditStrings is an edit of an object of strings, such as labels or annotations.
// One that is left empty goes; of a name that is there twice the last stays.
func EditStrings(edit func(map[string]string)) func(json.RawMessage) (json.RawMessage, error) {
	return func(old json.RawMessage) (json.RawMessage, error) {
		listed, err := Strings(old)
		if err != nil {
			return nil, err
		}
		had := map[string]string{}
		for _, m := range listed {
			had[m.Name] = m.Value
		}
		values := maps.Clone(had)
		edit(values)
		switch {
		case maps.Equal(had, values) && len(had) == len(listed):
			return old, nil
		case len(values) == 0:
			return nil, nil
		}
		return Marshal(values)
	}
}
