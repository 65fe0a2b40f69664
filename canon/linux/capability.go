package linux

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Capability is struct vfs_cap_data or vfs_ns_cap_data of
// include/uapi/linux/capability.h.
type Capability struct {
	// Version is 2 or 3.
	Version byte
	// Sets are the bytes of the flags and of the permitted and inheritable sets.
	Sets string
	// RootID is the root user of the user namespace in which the capabilities count,
	// as an ID of the first user namespace; 0 in version 2.
	RootID uint32
}

const (
	capabilitySize2 = 20
	capabilitySize3 = 24
)

// ParseCapability reads the value of SecurityCapability.
func ParseCapability(value string) (Capability, error) {
	var c Capability
	if len(value) >= 4 {
		c.Version = value[3]
	}
	switch {
	case c.Version == 2 && len(value) == capabilitySize2:
	case c.Version == 3 && len(value) == capabilitySize3:
		c.RootID = binary.LittleEndian.Uint32([]byte(value[capabilitySize2:]))
	default:
		return Capability{}, fmt.Errorf("%d bytes that are no file capability of version 2 or 3", len(value))
	}
	c.Sets = value[:3] + value[4:capabilitySize2]
	return c, nil
}

// Kept is the value that Linux returns once this one was set: it makes version 2 of
// capabilities for the root user of the first user namespace (cap_inode_getsecurity
// of security/commoncap.c).
func (c Capability) Kept() string {
	if c.RootID == 0 {
		return c.Sets[:3] + "\x02" + c.Sets[3:]
	}
	return string(binary.LittleEndian.AppendUint32(slices.Concat([]byte(c.Sets[:3]), []byte{3}, []byte(c.Sets[3:])), c.RootID))
}
