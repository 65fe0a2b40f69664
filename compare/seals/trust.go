package seals

import (
	"slices"

	"cfsverify/canon/seal"
)

// Trust is what signed digests protect of an image, by certificates that are trusted.
type Trust struct {
	// Signed are the good seals with a valid signature, in the order of Result.Seals.
	Signed []*Checked
	// Unprotected is what nobody who is trusted has signed, in the order of Parts.
	Unprotected []Part
}

// Part is something of an image that a signed digest may protect.
type Part string

const (
	// ManifestPart is the manifest: what the image consists of, and annotations. Its
	// signed digest protects all other parts but KernelPart.
	ManifestPart Part = "manifest"
	// ConfigPart is the config: command, environment, labels. As it has the digests of all
	// layers, its signed digest protects the files as well.
	ConfigPart Part = "config"
	// FilesPart are the files that the image shows. Signed digests of layers do not
	// protect them: they do not say which layers there are, in what order, and with which
	// whiteouts.
	FilesPart Part = "files"
	// BootPart is what is in /boot and /sysroot, which a bootable image has empty.
	BootPart Part = "boot"
	// KernelPart are unified kernel images with their command lines. To check whose they
	// are is what Secure Boot does.
	KernelPart Part = "kernel"
)

// Parts lists them.
func Parts() []Part { return []Part{ManifestPart, ConfigPart, FilesPart, BootPart, KernelPart} }

// trustOf says what the signed digests among seals that were checked protect.
func trustOf(checked []Checked) *Trust {
	t := &Trust{}
	signed, kernels := map[seal.Role]bool{}, false
	for i := range checked {
		c := &checked[i]
		kernels = kernels || c.Place == seal.UKI
		if c.State == Good && c.Signer != "" {
			t.Signed = append(t.Signed, c)
			signed[c.Claim.Role] = true
		}
	}
	config := signed[seal.Config] || signed[seal.Manifest]
	files := config || signed[seal.Merged]
	protected := map[Part]bool{
		ManifestPart: signed[seal.Manifest], ConfigPart: config, FilesPart: files || signed[seal.Bootable],
		BootPart: files || !signed[seal.Bootable], KernelPart: !kernels,
	}
	t.Unprotected = slices.DeleteFunc(Parts(), func(p Part) bool { return protected[p] })
	return t
}
