package reports

import (
	"io"
	"testing"

	"cfsverify/testdata/faults"
)

// TestEveryWriteFails: whichever write fails, once, the report is a failure.
func TestEveryWriteFails(t *testing.T) {
	documents := map[string]Document{
		"comparison": Comparison{gatedShowcase()}, "prediction": Prediction{prediction()}, "raw": Raw{rawSample(t)}, "seals": checkedSeals(), "lint": acceptedLint(),
	}
	for name, d := range documents {
		for _, form := range Forms(d) {
			t.Run(name+" as "+string(form), func(t *testing.T) {
				faults.EveryWrite(t, func(w io.Writer) error { return Write(w, form, d, Options{Verbose: true}) })
			})
		}
	}
}
