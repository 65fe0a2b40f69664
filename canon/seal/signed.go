package seal

import (
	"encoding/binary"

	"cfsverify/canon/fsverity"
)

// SignedData is what a signature of a digest signs: struct
// fsverity_formatted_digest of include/uapi/linux/fsverity.h.
func SignedData(d fsverity.Digest) []byte {
	data := []byte("FSVerity")
	data = binary.LittleEndian.AppendUint16(data, uint16(d.Algorithm()))
	data = binary.LittleEndian.AppendUint16(data, uint16(d.Algorithm().Size()))
	return d.AppendBytes(data)
}
