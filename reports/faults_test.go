package reports

import (
	"io"
	"testing"

	"cfsverify/testdata/faults"
)

// TestEveryWriteFails: whichever write fails, once, the report is a failure.
func TestEveryWriteFails(t *testing.T) {
	reports := map[string]func(io.Writer) error{
		"text":        func(w io.Writer) error { return Text(w, showcase(), TextOptions{Verbose: true}) },
		"json":        func(w io.Writer) error { return JSON(w, showcase()) },
		"markdown":    func(w io.Writer) error { return Markdown(w, showcase()) },
		"junit":       func(w io.Writer) error { return JUnit(w, showcase()) },
		"html":        func(w io.Writer) error { return HTML(w, showcase()) },
		"annotations": func(w io.Writer) error { return Annotations(w, gatedShowcase()) },
		"prediction":  func(w io.Writer) error { return PredictionText(w, prediction(), TextOptions{}) },
		"raw":         func(w io.Writer) error { return RawText(w, rawSample(t), TextOptions{Verbose: true}) },
		"raw as json": func(w io.Writer) error { return RawJSON(w, rawSample(t)) },
		"predicted":   func(w io.Writer) error { return PredictionJSON(w, prediction()) },
	}
	for name, write := range reports {
		t.Run(name, func(t *testing.T) { faults.EveryWrite(t, write) })
	}
}
