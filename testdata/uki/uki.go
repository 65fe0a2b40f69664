// Package uki makes small unified kernel images for tests.
package uki

import "encoding/binary"

// File is a PE file for x86-64 without code, by the PE format's specification, with
// sections of these names and contents, each on pages of its own.
func File(sections ...[2]string) []byte {
	le := binary.LittleEndian
	out := make([]byte, 0x40)
	copy(out, "MZ")
	le.PutUint32(out[0x3c:], 0x40)
	out = append(out, "PE\x00\x00"...)
	out = le.AppendUint16(out, 0x8664)
	out = le.AppendUint16(out, uint16(len(sections)))
	out = append(out, make([]byte, 12)...)
	const optional = 240
	out = le.AppendUint16(out, optional)
	out = le.AppendUint16(out, 0x22)
	header := make([]byte, optional)
	le.PutUint16(header, 0x20b)
	le.PutUint32(header[32:], page)
	le.PutUint32(header[36:], fileAlignment)
	data := len(out) + len(header) + 40*len(sections)
	le.PutUint32(header[60:], uint32(data))
	le.PutUint32(header[108:], 16)
	out = append(out, header...)
	var content []byte
	address := aligned(data, page)
	for _, s := range sections {
		name := make([]byte, 8)
		copy(name, s[0])
		out = append(out, name...)
		padded := append([]byte(s[1]), make([]byte, -len(s[1])&(fileAlignment-1))...)
		for _, n := range []int{len(s[1]), address, len(padded), data + len(content)} {
			out = le.AppendUint32(out, uint32(n))
		}
		out = append(out, make([]byte, 16)...)
		content = append(content, padded...)
		address = aligned(address+len(s[1]), page)
	}
	return append(out, content...)
}

const page, fileAlignment = 0x1000, 512

func aligned(n, alignment int) int { return (n + alignment - 1) &^ (alignment - 1) }
