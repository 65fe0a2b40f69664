package seals

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"cfsverify/canon/seal"
)

const (
	cmdlineSection = ".cmdline"
	kernelSection  = ".linux"
	profileSection = ".profile"
	unameSection   = ".uname"
	// cmdlineMax is the size in bytes up to which the command lines of a file are
	// read: many times of what any kernel takes.
	cmdlineMax = 1 << 20
	// profileMax and unameMax are up to which sizes in bytes these sections are read.
	profileMax = 4096
	unameMax   = 256
)

// ukiFile is what a unified kernel image, or an addon to one, has of interest here.
type ukiFile struct {
	// boots are the ways to boot it: its profiles, or the one way if it has none.
	boots []boot
	// unbooted is the command line in front of the profiles if no profile has it, else
	// nil. bootc reads it, and systemd-stub before release 257 knows no profiles.
	unbooted *cmdline
	// isKernel says that some release of systemd-stub finds a kernel in it, isAddon that
	// some release may find none, as in addons.
	isKernel, isAddon bool
	// uname is that of the only section .uname, empty if there is not one.
	uname string
	// kept is how many bytes of a command line the kernel keeps.
	kept int
}

// boot is one way to boot a file.
type boot struct {
	profile *seal.Profile
	// cmdline is nil without one.
	cmdline *cmdline
	// uname is the release of the kernel, empty if it is not told.
	uname string
}

// cmdline is a command line, or why it cannot be told what is booted.
type cmdline struct {
	text  string
	doubt error
}

// readUKI reads a PE file as far as it takes to find the sections of the UAPI group's
// specification "Unified Kernel Image". A section .profile begins a profile, whose
// sections take the place of those in front of all profiles, as in systemd-stub since
// release 257 (src/boot: pe_locate_profile_sections of pe.c, find_sections of stub.c).
func readUKI(r io.ReaderAt) (*ukiFile, error) {
	file, err := readPE(r)
	if err != nil {
		return nil, fmt.Errorf("it is no PE file, as unified kernel images are: %w", err)
	}
	uki := &ukiFile{kept: keptBytes(file.machine), isAddon: true}
	groups := [][]int{nil}
	all := make([]int, len(file.sections))
	for i := range file.sections {
		all[i] = i
		if file.name(i) == profileSection {
			groups = append(groups, nil)
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], i)
		// Release 254 compares no more than this beginning.
		uki.isKernel = uki.isKernel || strings.HasPrefix(file.name(i), kernelSection)
	}
	sections := sectionReader{file, cmdlineMax}
	if kernels := sections.named(all, kernelSection); kernels != nil {
		uki.isAddon = slices.ContainsFunc(kernels, func(i int) bool { return file.sections[i].VirtualSize == 0 })
	}
	uki.uname = sections.uname(all)
	var base boot
	if err := sections.add(&base, groups[0]); err != nil {
		return nil, err
	}
	if len(groups) == 1 {
		uki.boots = []boot{base}
		return uki, nil
	}
	uki.unbooted = base.cmdline
	for n, group := range groups[1:] {
		b := base
		if err := sections.add(&b, group); err != nil {
			return nil, err
		}
		b.profile = sections.profile(n, group[0])
		if b.cmdline == base.cmdline {
			uki.unbooted = nil
		}
		uki.boots = append(uki.boots, b)
	}
	return uki, nil
}

// sectionReader reads sections, up to a number of bytes of command lines.
type sectionReader struct {
	*peFile
	left uint32
}

// add puts what a group of sections has into the place of what there was before. An
// empty command line is none, and takes the place of another as well.
func (r *sectionReader) add(b *boot, group []int) error {
	if r.named(group, unameSection) != nil {
		b.uname = r.uname(group)
	}
	found := r.named(group, cmdlineSection)
	if found == nil {
		return nil
	}
	b.cmdline = nil
	if len(found) > 1 {
		b.cmdline = &cmdline{doubt: fmt.Errorf("it has %d sections %s where there is to be one: systemd-stub boots the first (release 257) or the last (254): leave one", len(found), cmdlineSection)}
		return nil
	}
	text, doubt, err := r.text(found[0], r.left)
	switch {
	case errors.Is(err, errTooLong):
		return fmt.Errorf("its sections %s have more than %d bytes", cmdlineSection, cmdlineMax)
	case err != nil:
		return err
	case text != "" || doubt != nil:
		b.cmdline = &cmdline{text, doubt}
	}
	r.left -= uint32(len(text))
	return nil
}

// uname reads the section .uname, empty if there is not one.
func (r *sectionReader) uname(group []int) string {
	if found := r.named(group, unameSection); len(found) == 1 {
		return r.short(found[0], unameMax)
	}
	return ""
}

func (r *sectionReader) named(group []int, name string) []int {
	var found []int
	for _, i := range group {
		if r.name(i) == name {
			found = append(found, i)
		}
	}
	return found
}

// short is the text of a section, empty if it is longer than that or cannot be told.
func (r *sectionReader) short(i int, limit uint32) string {
	text, doubt, err := r.text(i, limit)
	if doubt != nil || err != nil {
		return ""
	}
	return text
}

// profile reads the section of a profile, which is written like os-release(5).
func (r *sectionReader) profile(number, section int) *seal.Profile {
	p := &seal.Profile{Number: number}
	for line := range strings.Lines(strings.TrimRight(r.short(section, profileMax), "\x00")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		switch key {
		case "ID":
			p.ID = strings.Clone(value)
		case "TITLE":
			p.Title = strings.Clone(value)
		}
	}
	return p
}
