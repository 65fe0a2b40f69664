package importers

import (
	"debug/pe"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// peMagic begins PE files, as it does DOS programs.
	peMagic        = "MZ"
	cmdlineSection = ".cmdline"
	// cmdlineMax is the size in bytes up to which command lines are read: many
	// times of what any kernel takes.
	cmdlineMax = 1 << 20
)

// ErrNoCmdline says that a PE file has no command line.
var ErrNoCmdline = errors.New("it has no .cmdline section")

// UKICmdlines reads the kernel command lines of a unified kernel image: a PE file
// has them in its .cmdline sections (UAPI group specification "Unified Kernel
// Image"), of which each profile may have one. isKernel says that it has a kernel,
// as addons and other programs have not.
func UKICmdlines(r io.ReaderAt) (cmdlines []string, isKernel bool, err error) {
	f, err := pe.NewFile(r)
	if err != nil {
		return nil, false, fmt.Errorf("it is no PE file, as unified kernel images are: %w", err)
	}
	for _, s := range f.Sections {
		isKernel = isKernel || s.Name == ".linux"
		if s.Name != cmdlineSection {
			continue
		}
		text, err := readCmdline(s)
		if err != nil {
			return nil, false, err
		}
		cmdlines = append(cmdlines, text)
	}
	if cmdlines == nil {
		return nil, isKernel, ErrNoCmdline
	}
	return cmdlines, isKernel, nil
}

// readCmdline reads a section as far as it is loaded: what follows is padding.
func readCmdline(s *pe.Section) (string, error) {
	size := s.Size
	if s.VirtualSize > 0 {
		size = min(size, s.VirtualSize)
	}
	if size > cmdlineMax {
		return "", fmt.Errorf("its .cmdline section has %d bytes, the limit is %d", size, cmdlineMax)
	}
	text := make([]byte, size)
	if _, err := s.ReadAt(text, 0); err != nil {
		return "", errors.New("its .cmdline section is outside of the file: it is truncated")
	}
	return strings.TrimRight(string(text), "\x00\n"), nil
}

// isUKIPath says that bootc and composefs-rs look there for a unified kernel
// image, or for an addon to one (crate composefs-boot, bootloader.rs).
func isUKIPath(path string) bool {
	if !strings.HasSuffix(path, ".efi") {
		return false
	}
	if strings.HasPrefix(path, "/boot/EFI/Linux/") || strings.HasPrefix(path, "/boot/loader/addons/") {
		return true
	}
	below, found := strings.CutPrefix(path, "/usr/lib/modules/")
	return found && strings.Contains(below, "/")
}
