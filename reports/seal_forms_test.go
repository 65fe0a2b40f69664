package reports

import (
	"bytes"
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/releases"
	"cfsverify/canon/seal"
	"cfsverify/compare/seals"
	"cfsverify/compare/verify"
	"cfsverify/importers/layer"
)

// bootingSeals has a wrong kernel argument that two consumers refuse, with what was sealed.
func bootingSeals() *Seals {
	s := checkedSeals()
	digest, want := fsverity.SumBytes(fsverity.SHA512, []byte("a")), fsverity.SumBytes(fsverity.SHA512, []byte("b"))
	c := seals.Checked{
		Seal:  seal.Seal{Place: seal.UKI, Name: "/boot/\x1b<script>\n::error::x.efi", Key: "composefs", Claim: seal.Claim{Role: seal.Bootable, Digest: digest}},
		State: seals.Wrong, Expected: []seals.Expected{{Role: seal.Bootable, Version: erofs.V1, Digest: want}},
	}
	for i, consumer := range releases.Consumers() {
		a := seals.Audience{Consumer: consumer, Digest: want, Reads: i < 2, Accepts: i == 2, Unknown: i == 2}
		if i == 1 {
			a.Digest, a.Err = fsverity.Digest{}, errors.New("odd \x1b")
		}
		c.Audiences = append(c.Audiences, a)
	}
	s.Seals = append(s.Seals, c)
	s.Other = &layer.OtherRules{Rules: layer.RulesComposefsRS, Err: errors.New("odd"), Events: []layer.Event{{Path: "x\x1b", What: "is odd"}}}
	s.Explanations = []verify.SealExplanation{
		{Digest: digest, Inside: "/boot/x\x1b.dump", Err: errors.New("odd \x1b")},
		{Digest: digest, Inside: "/run/cfsverify/x.dump"},
		{Digest: digest, Inside: "dump:inside\x1b", Sealed: true, Result: sample()},
	}
	return s
}

// TestSealForms: every form has the verdict, all consumers of a kernel argument and the
// explanation, and names of an image are data in it.
func TestSealForms(t *testing.T) {
	for _, form := range Forms(&Seals{}) {
		var buf bytes.Buffer
		if err := Write(&buf, form, bootingSeals(), Options{}); err != nil {
			t.Fatal(err)
		}
		text := buf.String()
		for _, bad := range []string{"\x1b", "\n::error::x", "<script>"} {
			isData := bad == "<script>" && form != HTML
			if strings.Contains(text, bad) && !isData {
				t.Errorf("%s has %q:\n%s", form, bad, text)
			}
		}
		wanted := []string{"wrong", "bootc-v2", "composefs-rs"}
		if form != Annotations {
			wanted = append(wanted, "dump:inside", string(sample().Findings[0].Cause))
		}
		for _, want := range wanted {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", form, want, text)
			}
		}
		if form == JUnit {
			var suites junitSuites
			if err := xml.Unmarshal(buf.Bytes(), &suites); err != nil || suites.Tests != len(bootingSeals().Seals)+1 || suites.Failures == 0 {
				t.Errorf("%d tests, %d failures, error %v", suites.Tests, suites.Failures, err)
			}
		}
	}
	for _, form := range []Form{Markdown, JUnit, HTML, Annotations} {
		var good, none bytes.Buffer
		s := &Seals{Source: "oci:x", Result: seals.Result{Seals: checkedSeals().Seals[:1]}}
		if err := errors.Join(Write(&good, form, s, Options{}), Write(&none, form, &Seals{Source: "oci:x"}, Options{})); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(good.String(), "WRONG") || !strings.Contains(none.String(), "nothing seals the image") {
			t.Errorf("%s:\n%s\n%s", form, &good, &none)
		}
	}
}
