package source

import (
	"os"
	"testing"
)

func TestParseLayout(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("a:b", 0o755); err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]string{
		"oci:x": "oci:x", "x": "oci:x", "oci:x:1": "oci:x:1", "oci:x/y:z/1.0--a_b@c+d": "oci:x/y:z/1.0--a_b@c+d", "oci:a:b": "oci:a:b", "oci:a:b:1": "oci:a:b:1",
		"": "", "oci:": "", "x:1": "", "docker://x": "", "oci:x@sha256:0": "", "oci::1": "", "oci:x:": "", "oci:x:-": "", "oci:x:a..b": "", "oci:x:a b": "",
	} {
		got, err := ParseLayout(arg)
		if want == "" && err == nil || want != "" && (err != nil || got.String() != want) {
			t.Errorf("%q: %v, %v", arg, got, err)
		}
	}
}
