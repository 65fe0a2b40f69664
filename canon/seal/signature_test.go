package seal_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
	"cfsverify/testdata/oracle"
)

// signer makes a key and its self-signed certificate, both in PEM.
func signer(t testing.TB, name string) (key *rsa.PrivateKey, keyPEM, certificatePEM []byte) {
	t.Helper()
	return signerUntil(t, name, time.Now().Add(time.Hour))
}

// signerUntil makes one whose certificate is good until a time.
func signerUntil(t testing.TB, name string, end time.Time) (key *rsa.PrivateKey, keyPEM, certificatePEM []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func trust(t testing.TB, data []byte) []*x509.Certificate {
	t.Helper()
	list, err := seal.ParseCertificates(data)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestSignatureOfFsverity: what fsverity-utils signs for the kernel is valid, for
// this digest and this certificate only.
func TestSignatureOfFsverity(t *testing.T) {
	tool := oracle.Tool(t, "fsverity", "fsverity")
	dir := t.TempDir()
	file, keyFile, certificateFile, out := filepath.Join(dir, "file"), filepath.Join(dir, "key"), filepath.Join(dir, "certificate"), filepath.Join(dir, "out")
	content := bytes.Repeat([]byte("content"), 1000)
	_, key, certificate := signer(t, "signer of the test")
	_, _, other := signer(t, "another one")
	for name, data := range map[string][]byte{file: content, keyFile: key, certificateFile: certificate} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, alg := range []fsverity.Algorithm{fsverity.SHA256, fsverity.SHA512} {
		if text, err := exec.Command(tool, "sign", "--hash-alg="+alg.String(), "--key="+keyFile, "--cert="+certificateFile, file, out).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		signature, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		digest := fsverity.SumBytes(alg, content)
		name, err := seal.Verify(signature, digest, trust(t, append(other, certificate...)))
		if err != nil || name != "CN=signer of the test" {
			t.Errorf("%v: %q, %v", alg, name, err)
		}
		if name, err := seal.Verify(signature, fsverity.SumBytes(alg, content[1:]), trust(t, certificate)); err == nil || name != "" || !strings.Contains(err.Error(), "not valid") {
			t.Errorf("%v of another digest: %q, %v", alg, name, err)
		}
		if name, err := seal.Verify(signature, digest, trust(t, other)); err == nil || name != "" || !strings.Contains(err.Error(), "none of the trusted certificates") {
			t.Errorf("%v by another: %q, %v", alg, name, err)
		}
		if _, err := seal.Verify(signature[:len(signature)-1], digest, trust(t, certificate)); err == nil {
			t.Error("a truncated signature is valid")
		}
	}
}

// detached signs a digest as fsverity-utils does.
func detached(t testing.TB, certificate []byte, key *rsa.PrivateKey, hash asn1.ObjectIdentifier) []byte {
	t.Helper()
	signed, err := pkcs7.NewSignedData(seal.SignedData(sum256))
	if err != nil {
		t.Fatal(err)
	}
	signed.SetDigestAlgorithm(hash)
	if err := signed.SignWithoutAttr(trust(t, certificate)[0], key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	signed.Detach()
	der, err := signed.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestSignatureOfExpired: the kernel does not look at dates.
func TestSignatureOfExpired(t *testing.T) {
	key, _, certificate := signerUntil(t, "expired", time.Now().Add(-time.Minute))
	if name, err := seal.Verify(detached(t, certificate, key, pkcs7.OIDDigestAlgorithmSHA256), sum256, trust(t, certificate)); err != nil || name != "CN=expired" {
		t.Errorf("%q, %v", name, err)
	}
}

func TestSignatureOfSHA1(t *testing.T) {
	key, _, certificate := signer(t, "weak")
	der := detached(t, certificate, key, pkcs7.OIDDigestAlgorithmSHA1)
	for _, err := range []error{seal.ValidSignature(der), func() error { _, err := seal.Verify(der, sum256, trust(t, certificate)); return err }()} {
		if err == nil || !strings.Contains(err.Error(), "SHA-1") {
			t.Errorf("error %v", err)
		}
	}
	if err := seal.ValidSignature(detached(t, certificate, key, pkcs7.OIDDigestAlgorithmSHA256)); err != nil {
		t.Error(err)
	}
}

// TestSignatureWithContent: a signature that brings what it signs says nothing of
// the digest.
func TestSignatureWithContent(t *testing.T) {
	key, _, certificate := signer(t, "signer")
	trusted := trust(t, certificate)
	signed, err := pkcs7.NewSignedData(seal.SignedData(sum256))
	if err != nil {
		t.Fatal(err)
	}
	if err := signed.AddSigner(trusted[0], key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	der, err := signed.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Verify(der, sum256, trusted); err == nil || !strings.Contains(err.Error(), "content of its own") {
		t.Errorf("error %v", err)
	}
}

func TestParseCertificates(t *testing.T) {
	_, key, certificate := signer(t, "signer")
	block, _ := pem.Decode(certificate)
	for name, c := range map[string]struct {
		data []byte
		want int
	}{
		"PEM": {certificate, 1}, "DER": {block.Bytes, 1}, "two": {append(certificate, certificate...), 2}, "with a key": {append(key, certificate...), 1},
		"key": {key, 0}, "empty": {nil, 0}, "text": {[]byte("certificate"), 0},
	} {
		list, err := seal.ParseCertificates(c.data)
		if len(list) != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%s: %d certificates, error %v", name, len(list), err)
		}
	}
}

// FuzzVerify: no bytes are a signature by chance, and none bring it down.
func FuzzVerify(f *testing.F) {
	key, _, certificate := signer(f, "signer")
	trusted := trust(f, certificate)
	f.Add(detached(f, certificate, key, pkcs7.OIDDigestAlgorithmSHA256))
	f.Fuzz(func(t *testing.T, signature []byte) {
		if name, err := seal.Verify(signature, sum512, trusted); err == nil {
			t.Errorf("%q signed it", name)
		}
	})
}
