package seals

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/importers/limits"
)

const (
	// bootDir is where bootc looks for the dump file beside a unified kernel image.
	bootDir = "/boot"
	// runDumps is where a build can leave a dump file that changes no digest: /run is
	// emptied before a digest is computed.
	runDumps = "/run/cfsverify"

	dumpSuffix = ".dump"
	// dumpMax is the size in bytes up to which the dump files of an image are read, all
	// together: enough for a million entries.
	dumpMax = 256 << 20
)

// Dump is a dump file in an image, which may be of the tree that was sealed.
type Dump struct {
	// Path is of the image.
	Path string
	// UKI is the path of the unified kernel image that the dump file is beside, empty for
	// one in /run/cfsverify.
	UKI  string
	Tree *canon.Tree
	// Err says why there is no Tree.
	Err error
}

func mayBeDump(file string) bool {
	dir, name := path.Split(file)
	return strings.HasSuffix(name, dumpSuffix) && (dir == bootDir+"/" || dir == runDumps+"/")
}

// FindDumps finds the dump files that may be of the tree which an image's unified kernel
// images seal: /boot/NAME.dump, where NAME.efi is in /boot/EFI/Linux, as bootc looks for
// it (bootc's check_uki_cmdline), and those of /run/cfsverify.
func FindDumps(t *canon.Tree, files *Reading) []Dump {
	var dumps []Dump
	for file, e := range t.All() {
		if !mayBeDump(file) || e.Node.Kind != canon.Regular {
			continue
		}
		d := Dump{Path: file}
		if path.Dir(file) == bootDir {
			d.UKI = kernelsDir + strings.TrimSuffix(path.Base(file), dumpSuffix) + ".efi"
			if t.Lookup(d.UKI) == nil {
				continue
			}
		}
		if d.Tree, d.Err = files.readDump(e.Node); d.Err != nil {
			d.Tree = nil
		}
		dumps = append(dumps, d)
	}
	// That beside a unified kernel image is the one that bootc shows.
	slices.SortStableFunc(dumps, func(a, b Dump) int { return strings.Compare(b.UKI, a.UKI) })
	return dumps
}

func (r *Reading) readDump(n *canon.Node) (*canon.Tree, error) {
	c := n.Content
	switch {
	case n.Size > dumpMax:
		return nil, fmt.Errorf("it has more than %d bytes", dumpMax)
	case c == nil:
		return nil, errors.New("it is empty")
	case c.Inline != nil:
		return r.parseDump(strings.NewReader(string(c.Inline)))
	}
	if r.dumpBytes.Load() > dumpMax {
		return nil, fmt.Errorf("the dump files of the layers have more than %d bytes together", dumpMax)
	}
	f, err := r.dumps.Open(c.Digest)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("it is a hardlink whose content has another name, under which it is not kept")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return r.parseDump(io.LimitReader(f, dumpMax))
}

func (r *Reading) parseDump(text io.Reader) (*canon.Tree, error) {
	return dumpfile.Parse(limits.MeteredLines(text, r.used), dumpfile.Options{})
}
