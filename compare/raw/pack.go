package raw

import (
	"bytes"
	"encoding/binary"

	"cfsverify/canon/tarfile"
)

// pack encodes, in few bytes, what tarfile.Differences looks at.
func pack(r *tarfile.Raw) string {
	out := binary.AppendUvarint(nil, uint64(len(r.Extensions)))
	for i := range r.Extensions {
		x := &r.Extensions[i]
		out = packBlock(out, &x.Block)
		out = packText(packText(out, x.Data), x.Padding)
	}
	out = packBlock(out, &r.Block)
	return string(packText(out, r.Padding))
}

// packBlock leaves out the zeros at the end of each field.
func packBlock(out []byte, b *tarfile.Block) []byte {
	for _, f := range tarfile.Fields() {
		out = packText(out, string(bytes.TrimRight(f.Of(b), "\x00")))
	}
	return out
}

func packText(out []byte, text string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

// packed is what is left to unpack.
type packed string

func unpack(text string) *tarfile.Raw {
	p := packed(text)
	r := &tarfile.Raw{}
	for range p.number() {
		var x tarfile.Extension
		p.block(&x.Block)
		x.Data, x.Padding = p.text(), p.text()
		x.DirtyPadding = x.Padding != ""
		r.Extensions = append(r.Extensions, x)
	}
	p.block(&r.Block)
	r.Padding = p.text()
	r.DirtyPadding = r.Padding != ""
	return r
}

func (p *packed) number() uint64 {
	n, size := binary.Uvarint([]byte((*p)[:min(len(*p), binary.MaxVarintLen64)]))
	*p = (*p)[size:]
	return n
}

func (p *packed) text() string {
	n := p.number()
	text := string((*p)[:n])
	*p = (*p)[n:]
	return text
}

func (p *packed) block(b *tarfile.Block) {
	for _, f := range tarfile.Fields() {
		copy(f.Of(b), p.text())
	}
}
