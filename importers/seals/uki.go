package seals

import (
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// Magic begins PE files, as it does DOS programs.
	Magic          = "MZ"
	cmdlineSection = ".cmdline"
	kernelSection  = ".linux"
	// sectionsMax is how many sections are looked at: some four for each profile.
	sectionsMax = 1000
	// cmdlineMax is the size in bytes up to which the command lines of a file are
	// read: many times of what any kernel takes.
	cmdlineMax = 1 << 20
)

// ukiFile is what a unified kernel image has of interest here.
type ukiFile struct {
	// cmdlines are its command lines, of which each profile may have one.
	cmdlines []string
	// isKernel says that it has a kernel, as addons and other programs have not.
	isKernel bool
}

// readUKI reads a PE file (Microsoft, "PE Format") as far as it takes to find the
// sections of the UAPI group's specification "Unified Kernel Image". Section names
// are the eight bytes in the header, as systemd-stub and composefs-rs compare them.
func readUKI(r io.ReaderAt) (*ukiFile, error) {
	sections, err := peSections(r)
	if err != nil {
		return nil, fmt.Errorf("it is no PE file, as unified kernel images are: %w", err)
	}
	f := &ukiFile{}
	left := uint32(cmdlineMax)
	for _, s := range sections {
		switch strings.TrimRight(string(s.Name[:]), "\x00") {
		case kernelSection:
			f.isKernel = true
		case cmdlineSection:
			text, err := readCmdline(r, s, left)
			if err != nil {
				return nil, err
			}
			left -= uint32(len(text))
			f.cmdlines = append(f.cmdlines, text)
		}
	}
	return f, nil
}

// peSections reads the section table alone: debug/pe reads all that headers lead
// to, which can be any number of times the file's size.
func peSections(r io.ReaderAt) ([]pe.SectionHeader32, error) {
	const dosSize, offsetAt, signature = 0x40, 0x3c, "PE\x00\x00"
	var dos [dosSize]byte
	if _, err := r.ReadAt(dos[:], 0); err != nil || string(dos[:2]) != Magic {
		return nil, errors.New("it does not begin with MZ and a DOS header")
	}
	at := int64(binary.LittleEndian.Uint32(dos[offsetAt:]))
	var magic [len(signature)]byte
	if _, err := r.ReadAt(magic[:], at); err != nil || string(magic[:]) != signature {
		return nil, errors.New("its PE header is not where the DOS header says")
	}
	at += int64(len(magic))
	var header pe.FileHeader
	if err := binary.Read(io.NewSectionReader(r, at, int64(binary.Size(header))), binary.LittleEndian, &header); err != nil {
		return nil, errors.New("its PE header is truncated")
	}
	if header.NumberOfSections > sectionsMax {
		return nil, fmt.Errorf("it has %d sections, the limit is %d", header.NumberOfSections, sectionsMax)
	}
	at += int64(binary.Size(header)) + int64(header.SizeOfOptionalHeader)
	sections := make([]pe.SectionHeader32, header.NumberOfSections)
	if err := binary.Read(io.NewSectionReader(r, at, int64(binary.Size(sections))), binary.LittleEndian, sections); err != nil {
		return nil, errors.New("its section table is truncated")
	}
	return sections, nil
}

// readCmdline reads a section as far as it is loaded: what follows is padding.
func readCmdline(r io.ReaderAt, s pe.SectionHeader32, limit uint32) (string, error) {
	switch {
	case s.VirtualSize > limit:
		return "", fmt.Errorf("its %s sections have more than %d bytes", cmdlineSection, cmdlineMax)
	case s.VirtualSize > s.SizeOfRawData:
		return "", fmt.Errorf("its %s section has %d bytes, of which the file has only %d: tools disagree what the others are", cmdlineSection, s.VirtualSize, s.SizeOfRawData)
	}
	text := make([]byte, s.VirtualSize)
	if n, err := r.ReadAt(text, int64(s.PointerToRawData)); n < len(text) {
		return "", fmt.Errorf("its %s section is outside of the file, which may be truncated: %w", cmdlineSection, err)
	}
	return string(text), nil
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
