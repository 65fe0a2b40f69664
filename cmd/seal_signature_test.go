package cmd

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"cfsverify/testdata/oracle"
)

// TestSealSignature: what fsverity-utils signs of the composefs image is a valid
// signature of the image's annotation, for those who trust the signer.
func TestSealSignature(t *testing.T) {
	tool := oracle.Tool(t, "fsverity", "fsverity")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	key, certificate := writeSigner(t, at("key"), at("certificate")), at("certificate")
	writeSigner(t, at("other.key"), at("other"))
	if err := os.WriteFile(at("spec"), []byte("d usr/ mtime=1700000000\nf usr/a =a mtime=1700000000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := mklayer([]string{at("layer.tar"), at("spec")}); err != nil {
		t.Fatal(err)
	}
	digest := strings.TrimSpace(runMain(t, statusSame, "mkfs", "tar:"+at("layer.tar"), at("image.cfs")))
	if out, err := exec.Command(tool, "sign", "--hash-alg=sha512", "--key="+key, "--cert="+certificate, at("image.cfs"), at("signature")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	signature, err := os.ReadFile(at("signature"))
	if err != nil {
		t.Fatal(err)
	}
	img, err := imageOf([]string{at("layer.tar")})
	if err != nil {
		t.Fatal(err)
	}
	const annotation = "composefs.merged.erofs.v1.fsverity-sha512-12"
	write := func(name string, signature []byte) string {
		signed := mutate.Annotations(img, map[string]string{annotation: digest, annotation + ".sig": base64.StdEncoding.EncodeToString(signature)}).(v1.Image)
		to, err := layout.Write(at(name), empty.Index)
		if err != nil {
			t.Fatal(err)
		}
		if err := to.AppendImage(signed); err != nil {
			t.Fatal(err)
		}
		return "oci:" + at(name)
	}
	image := write("signed", signature)
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{image}, statusSame, "signed, by whom was not checked"},
		{[]string{"--trust", certificate, image}, statusSame, "signed by CN=certificate"},
		{[]string{"--trust", at("other"), "--trust", certificate, image}, statusSame, "signed by CN=certificate"},
		{[]string{"--trust", at("other"), image}, statusDifferent, "the signature is by none of the trusted certificates"},
		{[]string{"--trust", certificate, write("damaged", append(signature[:len(signature)-1:len(signature)-1], signature[len(signature)-1]^1))}, statusDifferent, "the signature is not valid"},
		{[]string{"--trust", certificate, write("none", []byte("x"))}, statusDifferent, "the signature is no PKCS#7"},
	} {
		if out := runMain(t, c.status, append([]string{"seal", "check"}, c.args...)...); !strings.Contains(out, c.want) {
			t.Errorf("%q: want %q:\n%s", c.args, c.want, out)
		}
	}
}

// writeSigner makes a key and its certificate, which has the file's name, and
// returns the key's file.
func writeSigner(t *testing.T, keyFile, certificateFile string) string {
	t.Helper()
	key, certificate, err := newSigner(filepath.Base(certificateFile))
	if err == nil {
		err = errors.Join(os.WriteFile(keyFile, key, 0o600), os.WriteFile(certificateFile, certificate, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return keyFile
}

// newSigner makes a key and its certificate, both in PEM.
func newSigner(name string) (key, certificate []byte, err error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}

// runMain runs a command line that must end with a status, and returns what it
// prints.
func runMain(t *testing.T, status int, args ...string) string {
	t.Helper()
	text, got := tryMain(t, os.Stderr, args...)
	if got != status {
		t.Errorf("%q: status %d, want %d\n%s", args, got, status, text)
	}
	return text
}

// tryMain runs a command line, and returns what it prints to stdout, and its status.
func tryMain(t *testing.T, stderr *os.File, args ...string) (text string, status int) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	status = Main(args, Streams{In: os.Stdin, Out: out, Err: stderr})
	data, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data), status
}
