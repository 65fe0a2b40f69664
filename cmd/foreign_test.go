package cmd

import (
	"testing"

	"cfsverify/testdata/foreign"
)

// TestForeignText: no error, note or report has foreign text that is not quoted.
func TestForeignText(t *testing.T) {
	found, places, err := foreign.Find("..", "./cmd/cfsverify")
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range found {
		t.Error(place)
	}
	if places < 500 {
		t.Errorf("only %d places were looked at", places)
	}
}
