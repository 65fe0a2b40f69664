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

// VersionOf gives the version of composefs images, of which nil ones do not count,
// and preset if there is none.
func VersionOf(preset erofs.Version, images ...*erofs.Image) (erofs.Version, error) {
	version, found := preset, false
	for _, image := range images {
		switch {
		case image == nil:
		case found && image.Version != version:
			return 0, &VersionsError{[2]erofs.Version{version, image.Version}}
		default:
			version, found = image.Version, true
		}
	}
	return version, nil
}
