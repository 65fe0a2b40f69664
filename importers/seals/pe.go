package seals

import (
	"cmp"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"cfsverify/canon/printable"
)

const (
	// dosMagic begins PE files, as it does DOS programs.
	dosMagic = "MZ"
	// sectionsMax is how many sections are looked at: some four for each profile.
	sectionsMax = 1000
)

// peFile is the headers of a PE file (Microsoft, "PE Format").
type peFile struct {
	r       io.ReaderAt
	machine uint16
	// headers is how many bytes from the beginning are loaded in front of the sections.
	headers  uint64
	sections []pe.SectionHeader32
	// shares is, for each section, another one that is loaded to some of its memory, or -1.
	shares []int
}

// readPE reads the section table alone: debug/pe reads all that headers lead
// to, which can be any number of times the file's size.
func readPE(r io.ReaderAt) (*peFile, error) {
	const dosSize, offsetAt, signature = 0x40, 0x3c, "PE\x00\x00"
	var dos [dosSize]byte
	if _, err := r.ReadAt(dos[:], 0); err != nil || string(dos[:2]) != dosMagic {
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
	at += int64(binary.Size(header))
	// SizeOfHeaders is in one place of the optional headers of 32 and 64 bits.
	const headersAt = 60
	var headers [4]byte
	if header.SizeOfOptionalHeader >= headersAt+uint16(len(headers)) {
		if _, err := r.ReadAt(headers[:], at+headersAt); err != nil {
			return nil, errors.New("its PE header is truncated")
		}
	}
	at += int64(header.SizeOfOptionalHeader)
	sections := make([]pe.SectionHeader32, header.NumberOfSections)
	if err := binary.Read(io.NewSectionReader(r, at, int64(binary.Size(sections))), binary.LittleEndian, sections); err != nil {
		return nil, errors.New("its section table is truncated")
	}
	at += int64(binary.Size(sections))
	f := &peFile{r: r, machine: header.Machine, headers: max(uint64(at), uint64(binary.LittleEndian.Uint32(headers[:]))), sections: sections}
	f.findShares()
	return f, nil
}

// name is that of a section, as systemd-stub compares it: up to a NUL, and not, as
// linkers do, to be looked up in a table of longer ones.
func (f *peFile) name(i int) string {
	name, _, _ := strings.Cut(string(f.sections[i].Name[:]), "\x00")
	return name
}

// text reads a section as far as it is loaded: what follows in the file is padding.
// doubt says that the memory that systemd-stub reads may hold another text than the
// file, which composefs-rs reads. Of more than limit bytes, and of a file that is
// truncated, it gives an error.
func (f *peFile) text(i int, limit uint32) (text string, doubt, err error) {
	s := &f.sections[i]
	switch {
	case s.VirtualSize > limit:
		return "", nil, errTooLong
	case s.VirtualSize > s.SizeOfRawData:
		return "", fmt.Errorf("its section %s has %d bytes, of which the file has only %d: systemd-stub reads zeros for the others, and composefs-rs what is next in the file: make the image again", printable.Text(f.name(i)), s.VirtualSize, s.SizeOfRawData), nil
	}
	read := make([]byte, s.VirtualSize)
	if n, err := f.r.ReadAt(read, int64(s.PointerToRawData)); n < len(read) {
		return "", nil, fmt.Errorf("its section %s is outside of the file, which may be truncated: %w", printable.Text(f.name(i)), err)
	}
	return string(read), f.overlap(i), nil
}

var errTooLong = errors.New("too many bytes")

// overlap says what else is loaded to the memory of a section. Firmware loads headers
// and sections one after the other (edk2, BasePeCoff.c), and the last one wins.
func (f *peFile) overlap(i int) error {
	from, to := f.memory(i)
	if from == to {
		return nil
	}
	// systemd-stub looks for its sections in the headers, as they are in memory.
	over := slices.IndexFunc(f.sections, func(s pe.SectionHeader32) bool {
		return uint64(s.VirtualAddress) < f.headers && (s.VirtualSize > 0 || s.SizeOfRawData > 0)
	})
	switch j := f.shares[i]; {
	case over >= 0:
		return fmt.Errorf("its section %s is loaded over the headers of the file, so that what is booted may be another text than the file has: make the image again", printable.Text(f.name(over)))
	case j >= 0:
		other, _ := f.memory(j)
		return fmt.Errorf("its sections %s and %q are loaded to the same memory, at %#x and %#x, so that what is booted may be another text than the file has: give them addresses that are apart", printable.Text(f.name(i)), f.name(j), from, other)
	}
	return nil
}

// findShares goes through the sections by their addresses, with the one that reaches
// furthest of those before.
func (f *peFile) findShares() {
	var order []int
	for i := range f.sections {
		f.shares = append(f.shares, -1)
		if from, to := f.memory(i); from < to {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(f.sections[a].VirtualAddress, f.sections[b].VirtualAddress)
	})
	furthest, end := -1, uint64(0)
	for _, i := range order {
		from, to := f.memory(i)
		if from < end {
			f.shares[i] = furthest
			if f.shares[furthest] < 0 {
				f.shares[furthest] = i
			}
		}
		if to > end {
			furthest, end = i, to
		}
	}
}

// memory is where a section is loaded, relative to the beginning.
func (f *peFile) memory(i int) (from, to uint64) {
	s := &f.sections[i]
	size := s.VirtualSize
	if size == 0 {
		size = s.SizeOfRawData
	}
	return uint64(s.VirtualAddress), uint64(s.VirtualAddress) + uint64(size)
}
