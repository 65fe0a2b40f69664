package limits

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSteps: what was read is reported once, as soon as a step is full, and the rest at
// the end.
func TestSteps(t *testing.T) {
	var got []Progress
	s := Steps{Report: func(p Progress) { got = append(got, p) }}
	for _, p := range []Progress{
		{Entries: progressEntries - 1}, {Entries: 1}, {Bytes: progressBytes - 1}, {Bytes: 1}, {Entries: 3 * progressEntries, Bytes: 7},
		{Entries: 2, Bytes: 3}, {}, {Entries: 1},
	} {
		s.Add(p)
	}
	want := []Progress{{Entries: progressEntries}, {Bytes: progressBytes}, {Entries: 3 * progressEntries, Bytes: 7}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s.End()
	if diff := cmp.Diff(append(want, Progress{Entries: 3, Bytes: 3}), got); diff != "" {
		t.Error(diff)
	}
	s.Add(Progress{Bytes: 1})
	s.End()
	if last := got[len(got)-1]; last != (Progress{Bytes: 1}) {
		t.Errorf("after the end: %+v", last)
	}
}

// TestStepsUnreported: nobody has to want a report.
func TestStepsUnreported(t *testing.T) {
	var s Steps
	s.Add(Progress{Entries: 10 * progressEntries})
	s.End()
}
