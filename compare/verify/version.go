package verify

import (
	"fmt"

	"cfsverify/canon/erofs"
)

// VersionsError says that composefs images of two versions were to be compared, whose
// digests differ whatever is in them.
type VersionsError struct{ Versions [2]erofs.Version }

func (e *VersionsError) Error() string {
	return fmt.Sprintf("the composefs images are of versions %d and %d, so their digests differ whatever is in them", e.Versions[0], e.Versions[1])
}

// FormatOf gives the version and the writer of composefs images, of which nil ones do
// not count: those of preset if nothing else is known. If only composefs-rs writes one
// of the images, it is the writer.
func FormatOf(preset erofs.Options, images ...*erofs.Image) (erofs.Options, error) {
	o, found := preset, false
	for _, image := range images {
		if image != nil && image.Writer == erofs.ComposefsRS {
			o.Writer = erofs.ComposefsRS
		}
		switch {
		case image == nil:
		case found && image.Version != o.Version:
			return o, &VersionsError{[2]erofs.Version{o.Version, image.Version}}
		default:
			o.Version, found = image.Version, true
		}
	}
	return o, nil
}
