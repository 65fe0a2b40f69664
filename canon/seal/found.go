package seal

// Place is where a seal was found.
type Place string

const (
	// UKI is the command line in a unified kernel image, Cmdline one by itself.
	UKI     Place = "uki"
	Cmdline Place = "cmdline"
	// Label is one of the image's config.
	Label Place = "label"
	// ManifestAnnotation, ConfigAnnotation and LayerAnnotation are those of the
	// manifest, and of its descriptors.
	ManifestAnnotation Place = "manifest-annotation"
	ConfigAnnotation   Place = "config-annotation"
	LayerAnnotation    Place = "layer-annotation"
	// Artifact is another manifest whose subject is the image.
	Artifact Place = "artifact"
	// Expected is what the user says.
	Expected Place = "expected"
)

// Places lists them.
func Places() []Place {
	return []Place{UKI, Cmdline, Label, ManifestAnnotation, ConfigAnnotation, LayerAnnotation, Artifact, Expected}
}

// Seal is a seal as it was found.
type Seal struct {
	Place Place
	// Name is the path of a unified kernel image or the digest of an artifact,
	// empty elsewhere.
	Name string
	// CommandLine is the number of the command line in a unified kernel image that
	// has several, counted from 1; else 0.
	CommandLine int
	// Key is that of a label or annotation, or of a kernel argument; Value is what
	// it says.
	Key, Value string
	// Layer is the layer that a layer's digest is of, counted from 1; else 0.
	Layer int
	// Claim is what the seal says. Its Role is empty where any image may be meant.
	Claim Claim
	// Err says why the seal is of no known form; nil if it is of one.
	Err error
	// Signature is the PKCS#7 signature of the digest in DER, nil if there is none.
	Signature []byte
}
