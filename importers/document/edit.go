package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
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
// nothing changes keeps its bytes. It is an AmbiguityError if a name of the path is
// there in another case, or any name twice.
func Edit(doc []byte, edit func(json.RawMessage) (json.RawMessage, error), path ...string) ([]byte, error) {
	if len(path) == 0 {
		return edit(doc)
	}
	fields := map[string]json.RawMessage{}
	if doc != nil {
		if err := Decode(doc, &fields); err != nil {
			return nil, err
		}
	}
	at := jsontext.Pointer("")
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == path[0] {
			continue
		}
		if err := checkCase(slices.Values(path[:1]), name, at.AppendToken(name)); err != nil {
			return nil, err
		}
	}
	old := fields[path[0]]
	edited, err := Edit(old, edit, path[1:]...)
	var ambiguous *AmbiguityError
	switch {
	case errors.As(err, &ambiguous):
		return nil, &AmbiguityError{Member: string(at.AppendToken(path[0])) + ambiguous.Member, Why: ambiguous.Why}
	case err != nil:
		return nil, err
	case bytes.Equal(edited, old):
		return doc, nil
	}
	if fields == nil {
		fields = map[string]json.RawMessage{}
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
// One that is left empty goes.
func EditStrings(edit func(map[string]string)) func(json.RawMessage) (json.RawMessage, error) {
	return func(old json.RawMessage) (json.RawMessage, error) {
		var had map[string]string
		if old != nil {
			if err := Decode(old, &had); err != nil {
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
		return Marshal(values)
	}
}
