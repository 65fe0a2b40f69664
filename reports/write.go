// Package reports writes what other packages found out, for people and for programs:
// Write is the one way in, and each kind of Document says in which forms it can be
// written. Reports decide nothing: verdicts are made in compare/gate, compare/verify
// and compare/seals, causes in compare/blame and compare/raw. The words for what they
// found are here.
package reports

import (
	"encoding/json"
	"fmt"
	"io"

	"cfsverify/canon/printable"
)

// Form is how a document can be written.
type Form string

const (
	// Text is for a person at a terminal.
	Text Form = "text"
	// JSON has all that is known, but for what is counted as left out, in the form of
	// the kind's schema (*.schema.json).
	// Names of an image are escaped as in Text; values of xattrs and inline content
	// are base64.
	JSON Form = "json"
	// Markdown is for a job summary or a comment: never more than some 60,000 bytes.
	Markdown Form = "markdown"
	// JUnit is a JUnit XML document.
	JUnit Form = "junit"
	// HTML is one page that needs no network and no other file.
	HTML Form = "html"
	// Annotations are workflow commands of GitHub Actions.
	Annotations Form = "annotations"
)

// Document is something that can be written in some forms.
type Document interface {
	// writers are those of the forms that the kind of document has, also of its zero
	// value.
	writers() writers
}

// Options says how Text is written. Other forms need none.
type Options struct {
	Color bool
	// Verbose lists every difference, not just the first ones of each finding.
	Verbose bool
	// Width is how many columns there are, 0 for no limit. Text is wrapped, and
	// long paths lose their middle unless Verbose is set.
	Width int
}

// FormError says that a document does not have a form.
type FormError struct{ Form Form }

func (e *FormError) Error() string { return fmt.Sprintf("the report cannot be written as %q", e.Form) }

// Write writes a document in a form. Errors are those of w, and a *FormError. Whatever a
// writer of a form forgets to escape, nothing is printed that a terminal acts on or, but for
// Annotations, a CI system.
func Write(w io.Writer, form Form, d Document, o Options) error {
	write := d.writers().of(form)
	if write == nil {
		return &FormError{form}
	}
	if form == Annotations {
		return write(w, o)
	}
	notation := printable.Hex
	if form == JSON || form == HTML {
		notation = printable.JSON
	}
	guard := printable.NewWriter(w, notation, form == Text && o.Color)
	if err := write(guard, o); err != nil {
		return err
	}
	return guard.Close()
}

// Forms are those that documents like d have.
func Forms(d Document) []Form {
	var forms []Form
	for _, form := range []Form{Text, JSON, Markdown, JUnit, HTML, Annotations} {
		if d.writers().of(form) != nil {
			forms = append(forms, form)
		}
	}
	return forms
}

// writers write a document, nil for a form that it does not have.
type writers struct {
	text func(io.Writer, Options) error
	// json gives what is encoded.
	json                               func() any
	markdown, junit, html, annotations func(io.Writer) error
}

// of is nil for a form that the document does not have.
func (w writers) of(form Form) func(io.Writer, Options) error {
	write := map[Form]func(io.Writer) error{Markdown: w.markdown, JUnit: w.junit, HTML: w.html, Annotations: w.annotations}[form]
	switch {
	case form == Text:
		return w.text
	case form == JSON && w.json != nil:
		return func(out io.Writer, _ Options) error { return writeJSON(out, w.json()) }
	case write != nil:
		return func(out io.Writer, _ Options) error { return write(out) }
	}
	return nil
}

func writeJSON(w io.Writer, doc any) error {
	enc := json.NewEncoder(w)
	if compact, is := doc.(compactJSON); is {
		doc = compact.doc
	} else {
		enc.SetIndent("", "  ")
	}
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}
