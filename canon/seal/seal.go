package seal

// Place is where a seal was found.
type Place string

const (
	// UKI is a command line in a unified kernel image, Cmdline a command line in a
	// file of its own.
	UKI     Place = "uki"
	Cmdline Place = "cmdline"
	// LoaderEntry is an entry of the boot loader, which has no seal and is booted in place of
	// unified kernel images.
	LoaderEntry Place = "loader-entry"
	// Label is a label in the image's config.
	Label Place = "label"
	// ManifestAnnotation is an annotation of the manifest itself; ConfigAnnotation
	// and LayerAnnotation are those of its descriptors of the config and of layers.
	ManifestAnnotation Place = "manifest-annotation"
	ConfigAnnotation   Place = "config-annotation"
	LayerAnnotation    Place = "layer-annotation"
	// Artifact is an annotation of another manifest, whose subject is the image.
	Artifact Place = "artifact"
	// Expected is no place in the image: the user states the digest.
	Expected Place = "expected"
)

// Places lists them.
func Places() []Place {
	return []Place{UKI, Cmdline, LoaderEntry, Label, ManifestAnnotation, ConfigAnnotation, LayerAnnotation, Artifact, Expected}
}

// Profile is one of the ways in which a unified kernel image can be booted (UAPI group,
// "Unified Kernel Image", multi-profile UKIs).
type Profile struct {
	// Number is from 0, as boot loaders count in @N.
	Number int
	// ID and Title are what the section .profile says, empty if it does not.
	ID, Title string
}

// Seal is one statement in or about an image: the digest that it must have, with
// where that was found.
type Seal struct {
	Place Place
	// Name is the path of a unified kernel image or entry of the boot loader, or the digest
	// of an artifact, empty elsewhere.
	Name string
	// OfUser says that Name is a file which the user named, and no path of the image.
	OfUser bool
	// CommandLine is the number of a command line in a file of its own, counted from 1, if
	// there are several; else 0.
	CommandLine int
	// Profile is the one of a unified kernel image that is booted with the command line,
	// nil if the image has no profiles, or none of them uses this command line.
	Profile *Profile
	// Key and Value are those of the label, annotation or kernel argument.
	Key, Value string
	// Layer is the number of the layer, from 1, if the digest is a layer's; else 0.
	Layer int
	// Claim is what the seal says. Its Role is empty if it may be a digest of the
	// merged or of the bootable image.
	Claim Claim
	// Err says why the seal cannot be read; Claim is of no use then.
	Err error
	// Signature is the PKCS#7 signature of the digest in DER, nil if there is none.
	Signature []byte
}
