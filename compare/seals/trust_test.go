package seals

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/seal"
)

// TestTrust: what is not protected follows from what is signed, and files must be.
func TestTrust(t *testing.T) {
	signed := func(role seal.Role) Checked {
		return Checked{Seal: seal.Seal{Place: seal.Artifact, Claim: seal.Claim{Role: role}}, State: Good, Signer: "CN=x"}
	}
	unsigned := Checked{Seal: seal.Seal{Place: seal.UKI, Claim: seal.Claim{Role: seal.Bootable}}, State: Good}
	wrong := signed(seal.Manifest)
	wrong.State = Wrong
	for name, c := range map[string]struct {
		checked     []Checked
		signed      int
		unprotected []Part
		good        bool
	}{
		"nothing":                {nil, 0, []Part{ManifestPart, ConfigPart, FilesPart}, false},
		"a kernel image":         {[]Checked{unsigned}, 0, []Part{ManifestPart, ConfigPart, FilesPart, KernelPart}, false},
		"a wrong one":            {[]Checked{wrong}, 0, []Part{ManifestPart, ConfigPart, FilesPart}, false},
		"the manifest":           {[]Checked{signed(seal.Manifest)}, 1, nil, true},
		"the config":             {[]Checked{signed(seal.Config)}, 1, []Part{ManifestPart}, true},
		"the image":              {[]Checked{signed(seal.Merged)}, 1, []Part{ManifestPart, ConfigPart}, true},
		"the bootable image":     {[]Checked{signed(seal.Bootable), unsigned}, 1, []Part{ManifestPart, ConfigPart, BootPart, KernelPart}, true},
		"both":                   {[]Checked{signed(seal.Bootable), signed(seal.Merged)}, 2, []Part{ManifestPart, ConfigPart}, true},
		"layers":                 {[]Checked{signed(seal.Layer), signed(seal.Layer)}, 2, []Part{ManifestPart, ConfigPart, FilesPart}, false},
		"config, bootable image": {[]Checked{signed(seal.Config), signed(seal.Bootable)}, 2, []Part{ManifestPart}, true},
	} {
		r := &Result{Seals: c.checked, Trust: trustOf(c.checked)}
		if len(r.Trust.Signed) != c.signed || r.Good() != c.good {
			t.Errorf("%s: %d are signed, good %v", name, len(r.Trust.Signed), r.Good())
		}
		if len(c.unprotected)+len(r.Trust.Unprotected) > 0 {
			if diff := cmp.Diff(c.unprotected, r.Trust.Unprotected); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}
