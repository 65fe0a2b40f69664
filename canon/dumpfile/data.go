package dumpfile

import (
	"bytes"
	"encoding/hex"
	"math"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// data reads PAYLOAD, CONTENT and DIGEST and sets what depends on them and on
// SIZE.
func (p *parser) data(n *canon.Node, size uint64) error {
	payload, _, err := p.optional(fieldPayload)
	if err != nil {
		return err
	}
	payload = cString(payload)
	content, present, err := p.optional(fieldContent)
	if err != nil {
		return err
	}
	switch {
	case present && uint64(len(content)) != size && !p.rec.has(fieldContent):
		return p.fieldError(fieldContent, "the line ends before CONTENT")
	case present && uint64(len(content)) != size:
		return p.fieldError(fieldContent, "CONTENT has %d bytes, but SIZE is %d", len(content), size)
	case len(payload) > payloadMax:
		return p.fieldError(fieldPayload, "PAYLOAD has %d bytes, the limit is %d", len(payload), payloadMax)
	case len(content) > inlineMax && n.Kind != canon.Symlink:
		return p.fieldError(fieldContent, "CONTENT has %d bytes, the limit is %d: write larger files with PAYLOAD and DIGEST",
			len(content), inlineMax)
	}
	external := n.Kind == canon.Regular && size > 0 && len(content) == 0
	digest, err := p.digest(external)
	if err != nil {
		return err
	}
	switch {
	case n.Kind == canon.Symlink:
		return p.symlink(n, size, payload, content)
	case external:
		n.Size = size
		n.Content = p.external(digest, payload)
	case n.Kind == canon.Regular && size > 0:
		n.Size = size
		n.Content = &canon.Content{Inline: bytes.Clone(content)}
	case n.Kind != canon.Regular && n.Kind != canon.Directory && !n.IsWhiteout() && size > math.MaxUint32:
		// The size of a whiteout does not even have that effect: in an image it is
		// an empty file.
		n.Size = canon.HugeSize
	}
	return nil
}

func (p *parser) symlink(n *canon.Node, size uint64, target, content []byte) error {
	switch {
	case len(target) == 0:
		return p.fieldError(fieldPayload, "a symlink needs its target as PAYLOAD")
	case p.lenient:
	case size != uint64(len(target)):
		return p.strictError(fieldSize, "SIZE is %d, but the symlink's target has %d bytes", size, len(target))
	case len(content) > 0:
		return p.strictError(fieldContent, "a symlink has no CONTENT")
	}
	n.Target = string(target)
	return nil
}

// external makes the content of a file whose payload may be empty.
func (p *parser) external(d fsverity.Digest, payload []byte) *canon.Content {
	// Most payloads are the object path of the digest as it is written next to
	// them. This spares them becoming a string.
	written := p.rec.field[fieldDigest]
	if !d.IsZero() && len(payload) == len(written)+1 && payload[2] == '/' &&
		bytes.Equal(payload[:2], written[:2]) && bytes.Equal(payload[3:], written[2:]) &&
		!bytes.ContainsAny(written, "ABCDEF") {
		return canon.External(d)
	}
	c := &canon.Content{Digest: d}
	c.SetPayload(string(payload))
	return c
}

// digest reads DIGEST; used says that the image holds it.
func (p *parser) digest(used bool) (fsverity.Digest, error) {
	written, present, err := p.optional(fieldDigest)
	if err != nil || !present {
		return fsverity.Digest{}, err
	}
	digits := cString(written)
	d, ok := parseDigest(digits)
	if !ok && p.lenient && len(digits) > 64 {
		d, ok = parseDigest(digits[:64])
	}
	switch {
	case ok:
		return d, p.checkAlgorithm(d.Algorithm())
	case !used && (p.lenient || len(p.rec.field[fieldDigest]) == 0):
		return fsverity.Digest{}, nil
	case !p.rec.has(fieldDigest):
		return fsverity.Digest{}, p.fieldError(fieldDigest, "the line ends before DIGEST: write - if there is none")
	case bytes.HasSuffix(written, []byte{'\r'}):
		return fsverity.Digest{}, p.fieldError(fieldDigest, "a carriage return after DIGEST: lines must end in a newline alone")
	}
	return fsverity.Digest{}, p.fieldError(fieldDigest,
		"DIGEST %q has not 64 (sha256) or 128 (sha512) hexadecimal digits; write - if there is none", written)
}

func parseDigest(digits []byte) (fsverity.Digest, bool) {
	algorithm := fsverity.SHA256
	switch len(digits) {
	case 2 * 32:
	case 2 * 64:
		algorithm = fsverity.SHA512
	default:
		return fsverity.Digest{}, false
	}
	var sum [64]byte
	n, err := hex.Decode(sum[:], digits)
	if err != nil {
		return fsverity.Digest{}, false
	}
	d, err := fsverity.NewDigest(algorithm, sum[:n])
	return d, err == nil
}

func (p *parser) checkAlgorithm(a fsverity.Algorithm) error {
	if p.algorithm == 0 {
		p.algorithm, p.algorithmLine = a, p.line
	}
	if a != p.algorithm {
		return p.fieldError(fieldDigest, "DIGEST is a %v digest, but that of line %d is a %v one: all must be of one algorithm",
			a, p.algorithmLine, p.algorithm)
	}
	return nil
}
