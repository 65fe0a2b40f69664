package mutants

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// layerTypes are by the compression: none, gzip, zstd.
var layerTypes = [...]string{"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+zstd"}

func compress(data []byte, how int) []byte {
	var out bytes.Buffer
	switch how {
	case 1:
		w := gzip.NewWriter(&out)
		_, _ = w.Write(data)
		_ = w.Close()
		return out.Bytes()
	case 2:
		w, err := zstd.NewWriter(&out)
		if err != nil {
			panic(err)
		}
		_, _ = w.Write(data)
		_ = w.Close()
		return out.Bytes()
	}
	return data
}

// changeStored changes how a layer is stored.
func (m *maker) changeStored(data, blob []byte, how int) ([]byte, string) {
	at := m.IntN(len(data) + 1)
	switch m.IntN(11) {
	case 0:
		return append(compress(data[:at], how), compress(data[at:], how)...), "two members"
	case 1:
		return append(slices.Clone(blob), compress(nil, how)...), "an empty member at the end"
	case 2:
		return append(compress(nil, how), blob...), "an empty member at the beginning"
	case 3:
		return append(slices.Clone(blob), m.pick("\x00", "\x00\x00\x00\x00\x00\x00\x00\x00", "x", "\x1f\x8b", "\x28\xb5\x2f\xfd")...), "bytes at the end"
	case 4:
		return blob[:m.IntN(len(blob))], "the blob is cut"
	case 5:
		blob = slices.Clone(blob)
		blob[m.IntN(len(blob))] ^= 1 << m.IntN(8)
		return blob, "a bit of the blob"
	case 6:
		skippable := binary.LittleEndian.AppendUint32([]byte{0x50 + byte(m.IntN(16)), 0x2a, 0x4d, 0x18}, 4)
		skippable = append(skippable, "skip"...)
		if m.IntN(2) == 0 {
			return append(skippable, blob...), "a skippable frame at the beginning"
		}
		return append(slices.Clone(blob), skippable...), "a skippable frame at the end"
	case 7:
		return append(compress(data[:at], 1), compress(data[at:], 2)...), "gzip, then zstd"
	case 8:
		return compress(data, (how+1)%3), "another compression than its type says"
	case 9:
		return compress(blob, 1+m.IntN(2)), "compressed twice"
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Name, w.Comment, w.Extra = m.pick("", "name"), m.pick("", "comment"), []byte(m.pick("", "extra"))
	_, _ = w.Write(data)
	_ = w.Close()
	return out.Bytes(), "a header of gzip with a name, comment or extra field"
}
