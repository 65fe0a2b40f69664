package dumpfile_test

import (
	"testing"

	"cfsverify/canon/dumpfile"
)

func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		if len(v.dump) < 20_000 {
			f.Add([]byte(v.dump), false)
		}
	}
	for _, c := range accepted {
		f.Add([]byte(c.in), false)
	}
	for _, c := range lenientOnly {
		f.Add([]byte(c.in), true)
	}
	for _, c := range rejected {
		f.Add([]byte(c.in), true)
	}
	f.Fuzz(func(t *testing.T, in []byte, isLenient bool) {
		tree, err := parse(string(in), dumpfile.Options{Lenient: isLenient})
		if err != nil {
			if _, ok := err.(*dumpfile.Error); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if err := tree.Validate(); err != nil {
			t.Fatal(err)
		}
		once := write(t, tree)
		again, err := parse(once, strict)
		if err != nil {
			t.Fatalf("what Write wrote: %v", err)
		}
		if d := diff(tree, again); d != "" {
			t.Fatal(d)
		}
		if twice := write(t, again); twice != once {
			t.Fatalf("got %q\nthen %q", once, twice)
		}
		if isLenient {
			return
		}
		other, err := parse(string(in), lenient)
		if err != nil {
			t.Fatalf("only strict parsing accepts it: %v", err)
		}
		if d := diff(tree, other); d != "" {
			t.Fatalf("lenient parsing makes another tree: %s", d)
		}
	})
}
