package wholefile

import (
	"fmt"
	"syscall"

	"cfsverify/importers/outpath"
)

// Check says what would keep Write from making a file, as far as that can be known
// before there is anything to write.
func Check(name string) error {
	if name == "-" {
		return nil
	}
	place, err := outpath.Find(name)
	if err != nil {
		return unwritten(name, err)
	}
	defer place.Close()
	switch {
	case place.IsDir():
		err = syscall.EISDIR
	case place.Makes():
		err = place.CheckAccess()
	}
	if err != nil {
		return fmt.Errorf("%q cannot be written: %w", name, err)
	}
	return nil
}
