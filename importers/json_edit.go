package importers

import (
	"bytes"
	"encoding/json"
	"maps"
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
	had, err := members(doc)
	if err != nil {
		return nil, err
	}
	old, err := onlyMember(had, path[0])
	if err != nil {
		return nil, err
	}
	edited, err := editField(old, edit, path[1:]...)
	switch {
	case err != nil:
		return nil, err
	case bytes.Equal(edited, old):
		return doc, nil
	}
	fields := map[string]json.RawMessage{}
	for _, m := range had {
		fields[m.name] = m.value
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
// One that is left empty goes; of a name that is there twice the last stays.
func editStrings(edit func(map[string]string)) func(json.RawMessage) (json.RawMessage, error) {
	return func(old json.RawMessage) (json.RawMessage, error) {
		listed, err := stringMembers(old)
		if err != nil {
			return nil, err
		}
		had := map[string]string{}
		for _, m := range listed {
			had[m.name] = m.value
		}
		values := maps.Clone(had)
		edit(values)
		switch {
		case maps.Equal(had, values) && len(had) == len(listed):
			return old, nil
		case len(values) == 0:
			return nil, nil
		}
		return plainJSON(values)
	}
}
