// Package uki makes small unified kernel images for tests.
package uki

import "encoding/binary"

// File is a PE file without code, by the PE format's specification, with sections
// of these names and contents.
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
	le.PutUint32(header[108:], 16)
	out = append(out, header...)
	data := len(out) + 40*len(sections)
	var content []byte
	for _, s := range sections {
		name := make([]byte, 8)
		copy(name, s[0])
		out = append(out, name...)
		padded := append([]byte(s[1]), make([]byte, -len(s[1])&511)...)
		for _, n := range []int{len(s[1]), 0x1000, len(padded), data + len(content)} {
			out = le.AppendUint32(out, uint32(n))
		}
		out = append(out, make([]byte, 16)...)
		content = append(content, padded...)
	}
	return append(out, content...)
}
