package reports_test

import (
	"os"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/gate"
	"cfsverify/reports"
)

func ExampleWrite() {
	layer := &canon.Layer{Index: 1}
	found := []tarfile.Departure{{Rule: tarfile.MissingParent, Layer: layer, Entry: 3, Path: "/usr"}}
	lint := &reports.Lint{Source: "oci:image", Layers: []*canon.Layer{layer}, LintVerdict: gate.JudgeLint(found, tarfile.Equality, nil)}
	if err := reports.Write(os.Stdout, reports.Text, lint, reports.Options{}); err != nil {
		panic(err)
	}
	// Output:
	// FOUND: 1 departure from 1 rule: 1 of equality
	//   image  oci:image  (1 layer)
	//
	// first: missing-parent: Put an entry for every parent directory into the layer, with the metadata that it is to have.
	// cfsverify repair writes the image anew, without 1 of these.
	//
	// missing-parent: directories that a layer needs and has no entry for (equality; 1 time)
	//   An engine that unpacks the layer makes the directory (0755, 0:0, with that moment's time), and overlayfs shows that one instead of a lower layer's.
	//   do: Put an entry for every parent directory into the layer, with the metadata that it is to have.
	//   layer 1, entry 3 /usr
}
