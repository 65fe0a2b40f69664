package seal

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
)

const (
	digestKarg = "composefs.digest="
	legacyKarg = "composefs="
)

// Karg writes the kernel argument for the digest of a bootable composefs image.
func Karg(version erofs.Version, digest fsverity.Digest) string {
	if version == erofs.V2 {
		return legacyKarg + digest.String()
	}
	return digestKarg + "v1-" + hashName(digest.Algorithm()) + ":" + digest.String()
}

// Kargs finds the arguments of a kernel command line that seal an image, in their
// order, as seals without a place. The initramfs tries all composefs.digest= in
// turn, and composefs= last. A command line that programs read in different ways
// is one seal of no known form.
func Kargs(cmdline string) []Seal {
	cmdline = strings.TrimRight(cmdline, "\x00")
	switch {
	case strings.Contains(cmdline, "\x00"):
		return []Seal{{Err: errors.New("its command line has a NUL byte, behind which systemd-stub reads nothing")}}
	case !utf8.ValidString(cmdline):
		return []Seal{{Err: errors.New("its command line is not UTF-8, which systemd-stub leaves out and composefs-rs refuses")}}
	}
	var found []Seal
	for _, argument := range splitCmdline(cmdline) {
		var f Seal
		f.Key, f.Value, _ = strings.Cut(argument, "=")
		switch f.Key + "=" {
		case digestKarg:
			f.Claim, f.Err = parseDigestKarg(f.Value)
		case legacyKarg:
			f.Claim, f.Err = parseLegacyKarg(f.Value)
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}

// CmdlineSeals is Kargs for a command line that must have one: without it is one
// seal of no known form.
func CmdlineSeals(cmdline string) []Seal {
	if found := Kargs(cmdline); found != nil {
		return found
	}
	return []Seal{{Err: errors.New("its command line has no composefs digest")}}
}

// splitCmdline splits as composefs-rs does (split_cmdline), and the kernel but for
// vertical tabs: at white space outside of double quotes, which cannot be escaped.
func splitCmdline(cmdline string) []string {
	quoted := false
	return strings.FieldsFunc(cmdline, func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return !quoted && strings.ContainsRune(" \t\n\f\r", c)
	})
}

// parseDigestKarg reads VERSION-HASH-BITS:HEX, with a "?" in front if the image
// need not be verified.
func parseDigestKarg(value string) (Claim, error) {
	claim := Claim{Role: Bootable}
	value, claim.Insecure = strings.CutPrefix(value, "?")
	form, hex, found := strings.Cut(value, ":")
	version, hash, dashed := strings.Cut(form, "-")
	if !found || !dashed {
		return Claim{}, fmt.Errorf("write VERSION-HASH-12:HEX, such as v1-sha512-12:…")
	}
	switch version {
	case "v1":
		claim.Versions = []erofs.Version{erofs.V1, erofs.V0}
	case "v2":
		claim.Versions = []erofs.Version{erofs.V2}
	default:
		return Claim{}, fmt.Errorf("the version %q is not v1 or v2", version)
	}
	alg, err := parseHash(hash)
	if err != nil {
		return Claim{}, err
	}
	// composefs-rs reads digits of both cases.
	claim.Digest, err = parseDigest(alg, strings.ToLower(hex))
	return claim, err
}

func parseLegacyKarg(value string) (Claim, error) {
	claim := Claim{Role: Bootable, Versions: []erofs.Version{erofs.V2}}
	value, claim.Insecure = strings.CutPrefix(value, "?")
	var err error
	claim.Digest, err = fsverity.ParseDigest(strings.ToLower(value))
	return claim, err
}
