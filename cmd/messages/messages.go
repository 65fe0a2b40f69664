// Package messages writes what a run has to say besides its result: errors and notes, on
// standard error. All of them go through it, as it is the last guard against text of
// images and of other foreign origin. What they say belongs where it is known, the form of
// reports in reports.
package messages

import (
	"fmt"
	"io"

	"cfsverify/canon/printable"
	"cfsverify/cmd/advice"
)

// Error writes why a run failed, with the advice that there is.
func Error(w io.Writer, err error) error {
	return write(w, "cfsverify: "+advice.Of(err))
}

// Note writes what a user should know of a result.
func Note(w io.Writer, format string, args ...any) error {
	return write(w, "cfsverify: note: "+fmt.Sprintf(format, args...))
}

func write(w io.Writer, message string) error {
	_, err := fmt.Fprintln(w, printable.Message(message))
	return err
}
