package layer

import "testing"

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
		{[]string{"f a mtime=-1"}, false},
	} {
		if got := rulesAgree(layersOf(t, c.layers...)); got != c.want {
			t.Errorf("%q: %v, want %v", c.layers, got, c.want)
		}
	}
	cut := layersOf(t, "f a")
	cut[0].oneZeroBlock = true
	if rulesAgree(cut) {
		t.Error("one zero block: they agree")
	}
}
