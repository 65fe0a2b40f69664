package reports

import (
	"bufio"
	"fmt"
	"io"

	"cfsverify/canon/printable"
	"cfsverify/canon/seal"
)

// SealWrite is what was written on an image, as a text.
type SealWrite struct {
	// Target names the new image, Manifest is its digest.
	Target, Manifest string
	// Artifact names the artifact, empty if there is none.
	Artifact string
	// Seals have known forms.
	Seals []seal.Seal
}

func (s *SealWrite) writers() writers { return writers{text: s.text} }

// text writes a line for the new image, one for its artifact, and one for
// each seal, with its place, key and digest.
func (s *SealWrite) text(w io.Writer, _ Options) error {
	buf := bufio.NewWriter(w)
	fmt.Fprintf(buf, "%s@%s\n", printable.Text(s.Target), s.Manifest)
	if s.Artifact != "" {
		fmt.Fprintf(buf, "%s (artifact)\n", printable.Text(s.Artifact))
	}
	places, keys := make([]string, len(s.Seals)), make([]string, len(s.Seals))
	placeWidth, keyWidth := 0, 0
	for i, found := range s.Seals {
		places[i], keys[i] = writtenPlace(found), printable.Text(found.Key)
		placeWidth, keyWidth = max(placeWidth, len(places[i])), max(keyWidth, len(keys[i]))
	}
	for i, found := range s.Seals {
		fmt.Fprintf(buf, "  %-*s  %-*s  %v\n", placeWidth, places[i], keyWidth, keys[i], found.Claim.Digest)
	}
	return buf.Flush()
}

// writtenPlace tells layers from each other.
func writtenPlace(f seal.Seal) string {
	if f.Layer > 0 {
		return fmt.Sprintf("%s %d", f.Place, f.Layer)
	}
	return string(f.Place)
}
