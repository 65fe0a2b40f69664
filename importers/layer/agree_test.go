package layer

import (
	"testing"

	"cfsverify/testdata/layers"
)

func TestRulesAgree(t *testing.T) {
	for _, c := range []struct {
		layers []string
		want   bool
	}{
		{[]string{"d a\nf a/b\nl c ->a\nh d ->a/b", "d a mtime=1\nf a/b\nf e"}, true},
		{[]string{"f a", "d a\nf a/b"}, true},
		{[]string{"d ./\nf a"}, true},
		{[]string{"f a\nf .wh.b"}, false},
		{[]string{"d a\nf a/.wh..wh..opq"}, false},
		{[]string{"d .wh.a\nf .wh.a/b"}, false},
		{[]string{"f a/b"}, false},
		{[]string{"f a/b\nd a"}, false},
		{[]string{"d a\nd a/b", "f a\nf a/b/c"}, false},
		{[]string{"d a\nf b", "h a ->b"}, false},
		{[]string{"f a mtime=-1"}, true},
		{[]string{"f a pax:mtime=-1"}, false},
		{[]string{"d a size=1\nf b"}, false},
	} {
		if got := rulesAgree(layersOf(t, c.layers...)); got != c.want {
			t.Errorf("%q: %v, want %v", c.layers, got, c.want)
		}
	}
	for _, size := range []int{512, 1024} {
		l, err := readTar(layers.Tar("f a")[:size], 1)
		if err != nil {
			t.Fatal(err)
		}
		if rulesAgree([]*Entries{l}) {
			t.Errorf("an archive of %d bytes: they agree", size)
		}
	}
}
