package seal

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/smallstep/pkcs7"

	"cfsverify/canon/fsverity"
)

// ParseCertificates reads certificates that are trusted, as PEM or DER.
func ParseCertificates(data []byte) ([]*x509.Certificate, error) {
	block, rest := pem.Decode(data)
	if block == nil {
		certificate, err := x509.ParseCertificate(data)
		if err != nil {
			return nil, errors.New("there is no certificate in PEM or DER")
		}
		return []*x509.Certificate{certificate}, nil
	}
	var list []*x509.Certificate
	for ; block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, certificate)
	}
	if list == nil {
		return nil, errors.New("the PEM file has no certificate")
	}
	return list, nil
}

// ValidSignature checks the form of a signature. It does not check who signed, nor
// what.
func ValidSignature(signature []byte) error {
	_, err := parseSignature(signature)
	return err
}

func parseSignature(signature []byte) (*pkcs7.PKCS7, error) {
	p7, err := pkcs7.Parse(signature)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the signature is no PKCS#7: %w", err)
	case len(p7.Signers) != 1:
		return nil, fmt.Errorf("the signature has %d signers: it must have one", len(p7.Signers))
	case len(p7.Content) > 0:
		return nil, errors.New("the signature has content of its own: it must be detached")
	}
	if p7.Signers[0].DigestAlgorithm.Algorithm.Equal(pkcs7.OIDDigestAlgorithmSHA1) {
		return nil, errors.New("the signature is made with SHA-1, which proves nothing any more")
	}
	return p7, nil
}

// Verify checks the PKCS#7 signature of a digest in DER, and names who signed.
// The signer's certificate must be a trusted one, or lead to one: signatures for
// the kernel carry none themselves (fsverity sign). An expired certificate counts,
// as it does for the kernel (crypto/asymmetric_keys/pkcs7_verify.c).
func Verify(signature []byte, digest fsverity.Digest, trusted []*x509.Certificate) (signer string, err error) {
	p7, err := parseSignature(signature)
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	for _, c := range trusted {
		roots.AddCert(c)
	}
	p7.Content = SignedData(digest)
	p7.Certificates = append(p7.Certificates, trusted...)
	if p7.GetOnlySigner() == nil {
		return "", errors.New("the signature is by none of the trusted certificates")
	}
	signed := p7.GetOnlySigner()
	if err := p7.VerifyWithChainAtTime(roots, signed.NotBefore); err != nil {
		return "", fmt.Errorf("the signature is not valid: %w", err)
	}
	return signed.Subject.String(), nil
}
