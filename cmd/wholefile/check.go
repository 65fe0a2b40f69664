package wholefile

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Check says what would keep Write from making a file, as far as that can be known
// before there is anything to write.
func Check(name string) error {
	target, isOpen := linkTarget(name)
	info, err := os.Stat(target)
	switch {
	case name == "-", isOpen, err == nil && !info.IsDir() && !info.Mode().IsRegular():
		return nil
	case err == nil && info.IsDir():
		return fmt.Errorf("%q cannot be written: %w", name, syscall.EISDIR)
	case name == "":
		return fmt.Errorf("%q cannot be written: %w", name, syscall.ENOENT)
	}
	// The dot asks for a directory.
	if err := syscall.Access(filepath.Dir(target)+"/.", mayWrite|maySearch); err != nil {
		return fmt.Errorf("%q cannot be written: %w", name, err)
	}
	return nil
}

// W_OK and X_OK of access(2).
const mayWrite, maySearch = 2, 1
