package seal

import (
	"fmt"
	"strings"

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

// KargClaim is an argument of a kernel command line that seals an image.
type KargClaim struct {
	// Argument is as it stands there.
	Argument string
	Claim    Claim
	// Err says what is wrong with it, if it is of no known form.
	Err error
}

// Kargs finds the arguments of a kernel command line that seal an image, in their
// order. The initramfs tries all composefs.digest= in turn, and composefs= last.
func Kargs(cmdline string) []KargClaim {
	var found []KargClaim
	for _, argument := range splitCmdline(cmdline) {
		k := KargClaim{Argument: argument}
		if value, ok := strings.CutPrefix(argument, digestKarg); ok {
			k.Claim, k.Err = parseDigestKarg(value)
		} else if value, ok := strings.CutPrefix(argument, legacyKarg); ok {
			k.Claim, k.Err = parseLegacyKarg(value)
		} else {
			continue
		}
		if k.Err != nil {
			k.Err = fmt.Errorf("the kernel argument %q is of no known form: %w", argument, k.Err)
		}
		found = append(found, k)
	}
	return found
}

// splitCmdline splits as the kernel does (lib/cmdline.c): at white space outside
// of double quotes, which cannot be escaped.
func splitCmdline(cmdline string) []string {
	quoted := false
	return strings.FieldsFunc(cmdline, func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return !quoted && strings.ContainsRune(" \t\n\v\f\r\x00", c)
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
	claim.Digest, err = parseDigest(alg, hex)
	return claim, err
}

func parseLegacyKarg(value string) (Claim, error) {
	claim := Claim{Role: Bootable, Versions: []erofs.Version{erofs.V2}}
	value, claim.Insecure = strings.CutPrefix(value, "?")
	var err error
	claim.Digest, err = fsverity.ParseDigest(value)
	return claim, err
}
