package releases

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
)

// Consumer is who checks a seal when an image is installed, upgraded to or booted.
type Consumer struct {
	// Name is as users write it: bootc, bootc-v2, composefs-rs, each with @RELEASE or not.
	Name string
	// About says who that is.
	About string
	Release
}

// firstV1 is the release of bootc whose new installations have repositories of version 1.
// Older installations keep version 2 when they are upgraded.
const firstV1 = "1.16.4"

// Consumers lists those of today: bootc's new installations, its old ones, and composefs-rs.
func Consumers() []Consumer {
	var list []Consumer
	for _, name := range consumerNames {
		list = append(list, newConsumer(name, name, rowsOf(name)[0]))
	}
	return list
}

var consumerNames = []string{string(Bootc), string(Bootc) + oldSuffix, string(ComposefsRS)}

// oldSuffix is for installations whose repository has version 2.
const oldSuffix = "-v2"

// rowsOf are the releases of a consumer's program, the newest first.
func rowsOf(name string) []Release {
	program := Program(strings.TrimSuffix(name, oldSuffix))
	return slices.DeleteFunc(Table(), func(r Release) bool { return r.Program != program })
}

// ParseConsumer reads NAME or NAME@RELEASE.
func ParseConsumer(text string) (Consumer, error) {
	name, release, given := strings.Cut(text, "@")
	if !slices.Contains(consumerNames, name) {
		return Consumer{}, fmt.Errorf("%q is not known: use %s, with @RELEASE or without", text, strings.Join(consumerNames, ", "))
	}
	rows := rowsOf(name)
	if !given {
		return newConsumer(text, name, rows[0]), nil
	}
	version, ok := parseVersion(release)
	i := slices.IndexFunc(rows, func(r Release) bool { return ok && r.includes(version) })
	if i < 0 {
		known := make([]string, len(rows))
		for i := range rows {
			known[i] = strings.TrimPrefix(rows[i].String(), string(rows[i].Program)+" ")
		}
		return Consumer{}, fmt.Errorf("%q: the releases that are known of %s are %s", text, rows[0].Program, strings.Join(known, ", "))
	}
	return newConsumer(text, name, rows[i]), nil
}

func newConsumer(text, name string, row Release) Consumer {
	c := Consumer{Name: text, Release: row}
	switch {
	case row.Program == ComposefsRS:
		c.About = "systems that " + row.String() + " boots"
	case row.First == firstV1 && strings.HasSuffix(name, oldSuffix):
		c.Directory.Version, c.Layers.Version = erofs.V2, erofs.V2
		c.About = "installations by bootc before " + firstV1 + ", whose repository stays version 2 when they are upgraded"
	case row.First == firstV1:
		c.About = "new installations by " + row.String()
	default:
		c.About = "systems of " + row.String()
	}
	return c
}

// Karg writes the kernel argument that the consumer wants for its digest.
func (c *Consumer) Karg(digest fsverity.Digest) string {
	if c.WritesDigest {
		return seal.Karg(c.Layers.Version, digest)
	}
	return seal.LegacyKarg(digest)
}

// Verdict is what a consumer finds of a command line.
type Verdict struct {
	// Read is the number of the argument that it reads, from 0; -1 if it reads none.
	Read int
	// Accepted: the digest that it reads is the image's.
	Accepted bool
	// Unknown: a booted system does not know by these arguments that it is a composefs one.
	Unknown bool
}

// Judge says what the consumer makes of the digests on one command line, in their order,
// for an image whose digest by its recipe is given.
func (c *Consumer) Judge(arguments []seal.Seal, digest fsverity.Digest) Verdict {
	v := Verdict{Read: -1}
	legacy := func(s seal.Seal) bool { return s.Key == seal.LegacyKey }
	v.Unknown = c.KnownByComposefs && !slices.ContainsFunc(arguments, legacy)
	switch c.Reads {
	case ReadsInOrder:
		v.Read = slices.IndexFunc(arguments, func(s seal.Seal) bool { return s.Err == nil && s.Claim.Digest == digest && c.Finds(s.Value) })
		v.Accepted = v.Read >= 0
		return v
	case ReadsDigestFirst:
		// What cannot be read is an error of the program.
		v.Read = slices.IndexFunc(arguments, func(s seal.Seal) bool {
			return !legacy(s) && (s.Err != nil || s.Claim.Digest.Algorithm() == digest.Algorithm())
		})
	}
	if v.Read < 0 {
		v.Read = slices.IndexFunc(arguments, legacy)
	}
	v.Accepted = v.Read >= 0 && arguments[v.Read].Err == nil && arguments[v.Read].Claim.Digest == digest
	return v
}

// Finds says that the program finds the image of an argument with that value, if it has it.
// composefs-setup-root looks for one that is named like the digits as they are written, and
// names are in lower case; bootc writes the digits again.
func (r *Release) Finds(value string) bool {
	return r.Reads != ReadsInOrder || value == strings.ToLower(value)
}

// consumersMax bounds the command lines that are tried.
const consumersMax = 4

// CheckNumber refuses more consumers than Cmdline takes.
func CheckNumber(consumers []Consumer) error {
	if len(consumers) > consumersMax {
		return fmt.Errorf("a command line for %d consumers: choose up to %d", len(consumers), consumersMax)
	}
	return nil
}

// Cmdline writes the shortest kernel arguments with which all consumers take an image whose
// digests by their recipes are given, in the same order.
func Cmdline(consumers []Consumer, digests []fsverity.Digest) (string, error) {
	if err := CheckNumber(consumers); err != nil {
		return "", err
	}
	cmdlines := [][]string{nil}
	var kargs []string
	for i := range consumers {
		c := &consumers[i]
		karg := c.Karg(digests[i])
		if !slices.Contains(kargs, karg) {
			kargs = append(kargs, karg)
		}
		var longer [][]string
		for _, form := range []string{karg, seal.DigestKarg(c.Layers.Version, digests[i])} {
			for _, cmdline := range cmdlines {
				if slices.Contains(cmdline, form) {
					longer = append(longer, cmdline)
					continue
				}
				longer = append(longer, append([]string{form}, cmdline...), append(slices.Clone(cmdline), form))
			}
		}
		// Another consumer's argument may do.
		cmdlines = append(cmdlines, longer...)
	}
	slices.SortStableFunc(cmdlines, func(a, b []string) int { return cmp.Compare(len(a), len(b)) })
	for _, words := range cmdlines {
		cmdline := strings.Join(words, " ")
		if arguments := seal.Kargs(cmdline, seal.CmdlineMax); everyoneTakes(consumers, arguments, digests) {
			return cmdline, nil
		}
	}
	return "", &CmdlineError{consumers, kargs}
}

func everyoneTakes(consumers []Consumer, arguments []seal.Seal, digests []fsverity.Digest) bool {
	for i := range consumers {
		if v := consumers[i].Judge(arguments, digests[i]); !v.Accepted || v.Unknown {
			return false
		}
	}
	return true
}

// CmdlineError says that no command line is good for several consumers.
type CmdlineError struct {
	Consumers []Consumer
	// Kargs are what they want, each once.
	Kargs []string
}

func (e *CmdlineError) Error() string {
	names := make([]string, len(e.Consumers))
	for i, c := range e.Consumers {
		names[i] = c.Name
	}
	return fmt.Sprintf("no command line is good for %s, which want %s", strings.Join(names, " and "), strings.Join(e.Kargs, " and "))
}
