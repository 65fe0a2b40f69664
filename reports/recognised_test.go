package reports

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"cfsverify/canon/policy"
	"cfsverify/compare/verify"
)

// recognised is a comparison of a side that was prepared for booting.
func recognised(p policy.Prepared, leftOut int, err error) *verify.Result {
	r := same()
	written := policy.ComposefsRS()
	r.A.Written = &written
	p.Facts = []string{"first fact", "second fact"}
	r.Recognised = &verify.Recognised{Prepared: &p, Name: "a", Other: "b", LeftOut: leftOut, Err: err}
	return r
}

func TestRecognisedText(t *testing.T) {
	for want, r := range map[string]*verify.Result{
		"so b is prepared too, as by --bootable: --bootable=false compares them as they are": recognised(policy.Prepared{Boot: policy.BootSeconds, Links: policy.LinksKeep}, 0, nil),
		"so b is prepared too, as by --bootable --boot-mtime ns --hardlinks last-label, without 1 name in /boot and /sysroot: --bootable=false compares them as they are": recognised(
			policy.Prepared{Boot: policy.BootNanoseconds, Links: policy.LinksLastLabel}, 1, nil),
		`but b cannot be: no \x1b[31m`: recognised(policy.Prepared{Boot: policy.BootEpoch, Links: policy.LinksKeep}, 2, errors.New("no \x1b[31m")),
	} {
		var buf bytes.Buffer
		if err := Write(&buf, Text, Comparison{r}, Options{}); err != nil {
			t.Fatal(err)
		}
		if want = "\n\nrecognised: a was prepared for booting before it was written (first fact; second fact), " + want + "\n\n"; !strings.Contains(buf.String(), want) {
			t.Errorf("%s has no\n%s", buf.String(), want)
		}
	}
}

// TestRecognisedForms: every form of a report tells what was recognised.
func TestRecognisedForms(t *testing.T) {
	r := recognised(policy.Prepared{Boot: policy.BootEpoch, Links: policy.LinksKeep, Labelled: true}, 2, errors.New("a `path`"))
	for _, form := range Forms(Comparison{}) {
		var buf bytes.Buffer
		if err := Write(&buf, form, Comparison{r}, Options{}); err != nil {
			t.Fatal(err)
		}
		if text := buf.String(); !strings.Contains(text, "second fact") {
			t.Errorf("%s: %s", form, text)
		}
	}
	var buf bytes.Buffer
	if err := Write(&buf, Markdown, Comparison{r}, Options{}); err != nil || !strings.Contains(buf.String(), "cannot be: `` a `path` ``") {
		t.Errorf("%v, %s", err, buf.String())
	}
}
