package reports

import (
	"fmt"
	"strings"

	"cfsverify/compare/seals"
)

// unsignedText says that a digest has to be signed, and none is.
func unsignedText(trust *seals.Trust) string {
	if len(trust.Signed) > 0 {
		return "no signed digest of it is left but those of layers, which do not say what layers it has: --trust wants one"
	}
	return "no signed digest is left, and --trust wants one"
}

// partTexts are what signed digests may protect.
var partTexts = map[seals.Part]string{
	seals.ManifestPart: "the manifest: which config and layers the image has, and its annotations",
	seals.ConfigPart:   "the config: command, environment, labels",
	seals.FilesPart:    "the files",
	seals.BootPart:     "what is in /boot and /sysroot",
	seals.KernelPart:   "unified kernel images and their command lines, whose signatures Secure Boot checks",
}

// trust says what signatures protect, if certificates are trusted.
func (t *text) trust(s *Seals) {
	if s.Trust == nil {
		return
	}
	signed, unprotected := trustTexts(s.Trust)
	fmt.Fprintln(t)
	t.prose("", "trust:", signed)
	for _, part := range unprotected {
		t.prose("  ", "not protected:", part)
	}
}

// trustTexts say what is signed, and what is not protected by that.
func trustTexts(trust *seals.Trust) (signed string, unprotected []string) {
	signed = unsignedText(trust)
	if n := len(trust.Signed); n > 0 {
		signed = count(n, "digest is good and signed", "digests are good and signed") + " by a trusted certificate"
	}
	for _, part := range trust.Unprotected {
		unprotected = append(unprotected, partTexts[part])
	}
	return signed, unprotected
}

func (m *markdown) trust(s *Seals) {
	if s.Trust == nil {
		return
	}
	signed, unprotected := trustTexts(s.Trust)
	m.printf("\n**Trust:** %s.\n", signed)
	if unprotected != nil {
		m.printf("\nNot protected:\n\n- %s\n", strings.Join(unprotected, "\n- "))
	}
}

type jsonTrust struct {
	Signed      int          `json:"signed"`
	Unprotected []seals.Part `json:"unprotected"`
}

func trustJSON(trust *seals.Trust) *jsonTrust {
	if trust == nil {
		return nil
	}
	return &jsonTrust{len(trust.Signed), append([]seals.Part{}, trust.Unprotected...)}
}
