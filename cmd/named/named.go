// Package named reads what a user names beside an image: digests, unified kernel images,
// kernel command lines and certificates. What an image itself holds of these is found by
// importers/seals.
package named

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/printable"
	"cfsverify/canon/seal"
	"cfsverify/importers/seals"
)

// Digest reads a digest as users have it: composefs=?HEX, sha512:HEX and
// composefs.digest=v1-sha512-12:HEX end in it.
func Digest(text string) (fsverity.Digest, error) {
	return fsverity.ParseDigest(strings.ToLower(text[strings.LastIndexAny(text, "=:?")+1:]))
}

// Seals are seals that a user names: files that are unified kernel images, kernel command
// lines or files with one, and digests.
type Seals struct{ UKIs, Cmdlines, Digests []string }

// Read gives the seals. An error names the flag.
func (n Seals) Read() ([]seal.Seal, error) {
	var found []seal.Seal
	for _, name := range n.UKIs {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--uki: %w", printable.Error(err))
		}
		more, err := seals.OfUKI(name, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("--uki %s: %w", printable.Text(name), err)
		}
		found = append(found, more...)
	}
	for i, text := range n.Cmdlines {
		cmdline, err := readCmdline(text)
		if err != nil {
			return nil, fmt.Errorf("--cmdline: %w", err)
		}
		for _, f := range seal.CmdlineSeals(cmdline, seal.CmdlineMax) {
			f.Place = seal.Cmdline
			if len(n.Cmdlines) > 1 {
				f.CommandLine = i + 1
			}
			found = append(found, f)
		}
	}
	for _, text := range n.Digests {
		digest, err := Digest(text)
		if err != nil {
			return nil, fmt.Errorf("--expect: %w", err)
		}
		found = append(found, seal.Seal{Place: seal.Expected, Value: text,
			Claim: seal.Claim{Digest: digest, Versions: []erofs.Version{erofs.V1, erofs.V0, erofs.V2}}})
	}
	return found, nil
}

// readCmdline takes a text for a command line itself if it has an argument's "=".
func readCmdline(text string) (string, error) {
	if strings.Contains(text, "=") {
		if _, err := os.Stat(text); err != nil {
			return text, nil
		}
	}
	data, err := os.ReadFile(text)
	return string(data), err
}

// Certificates reads those in files, which are PEM or DER. An error names the flag.
func Certificates(files []string) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("--trust: %w", err)
		}
		more, err := seal.ParseCertificates(data)
		if err != nil {
			return nil, fmt.Errorf("--trust %s: %w", printable.Text(name), err)
		}
		list = append(list, more...)
	}
	return list, nil
}
