package seals

import (
	"errors"
	"fmt"

	"cfsverify/canon/printable"
	"cfsverify/canon/seal"
)

// program is what the seals of a file are, wherever it is.
type program struct {
	// seals are those of a kernel, or of a program that has none and needs none.
	seals []bootSeal
	// addition says what the file, if it is an addon, adds to the command lines of kernels
	// that composefs goes by, nil if nothing. added are these arguments, each with Err.
	addition error
	added    []bootSeal
	// uname is the only release of kernels that an addon is for, if not empty.
	uname string
}

// bootSeal is a seal, and what decides whether addons are for what it seals.
type bootSeal struct {
	seal.Seal
	isKernel bool
	uname    string
}

func (f *ukiFile) program() (*program, error) {
	p := &program{uname: f.uname}
	if f.isKernel {
		var err error
		if p.seals, err = f.bootSeals(); err != nil || !f.isAddon {
			return p, err
		}
	}
	for _, c := range f.cmdlines() {
		found, quoted := []seal.Seal{{Err: c.doubt}}, []seal.Seal(nil)
		if c.doubt == nil {
			// Behind a quote that another command line leaves open, what is quoted is not.
			found, quoted = seal.Kargs(c.text, f.kept), seal.Kargs(`"`+c.text, f.kept)
		}
		for _, s := range found {
			if !f.isKernel {
				p.seals = append(p.seals, bootSeal{Seal: s})
			}
			p.adds(s)
		}
		for _, s := range quoted {
			if s.Key != "" {
				p.adds(s)
			}
		}
		if err := checkSealCount(len(p.added)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// adds notes what the file adds to command lines if it is an addon.
func (p *program) adds(s seal.Seal) {
	what := fmt.Errorf("adds %s= to the command line", printable.Text(s.Key))
	if s.Key == "" {
		what = fmt.Errorf("adds what cannot be told (%w)", s.Err)
	} else {
		s.Err = errAdded
	}
	if p.addition == nil {
		p.addition = what
	}
	p.added = append(p.added, bootSeal{Seal: s})
}

var errAdded = errors.New("an addon adds it to the command lines of kernels, where composefs-setup-root mounts the first digest whose image it has: a digest belongs into the kernel itself")

// bootSeals are the seals with which a file can be booted, and what lacks one.
func (f *ukiFile) bootSeals() ([]bootSeal, error) {
	boots := f.boots
	if f.unbooted != nil {
		boots = append([]boot{{cmdline: f.unbooted}}, boots...)
	}
	known := map[*cmdline][]seal.Seal{}
	var found []bootSeal
	for _, b := range boots {
		seals, is := known[b.cmdline]
		if !is {
			seals = b.cmdline.seals(f.kept)
			known[b.cmdline] = seals
		}
		if err := checkSealCount(len(found) + len(seals)); err != nil {
			return nil, err
		}
		for _, s := range seals {
			s.Profile = b.profile
			found = append(found, bootSeal{s, f.isKernel, b.uname})
		}
	}
	return found, nil
}

var errNoCmdline = errors.New("it has no .cmdline section, or an empty one: systemd-stub boots it with what the boot loader passes, with Secure Boot too: give it a command line with a digest")

func (c *cmdline) seals(kept int) []seal.Seal {
	switch {
	case c == nil:
		return []seal.Seal{{Err: errNoCmdline}}
	case c.doubt != nil:
		return []seal.Seal{{Err: c.doubt}}
	}
	return seal.CmdlineSeals(c.text, kept)
}

// cmdlines are the command lines of a file, each once.
func (f *ukiFile) cmdlines() []*cmdline {
	var list []*cmdline
	seen := map[*cmdline]bool{nil: true, f.unbooted: true}
	if f.unbooted != nil {
		list = append(list, f.unbooted)
	}
	for _, b := range f.boots {
		if !seen[b.cmdline] {
			list = append(list, b.cmdline)
			seen[b.cmdline] = true
		}
	}
	return list
}
