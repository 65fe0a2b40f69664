package canon

import "fmt"

// Highest device numbers that 32 bits hold.
const (
	majorMax = 1<<12 - 1
	minorMax = 1<<20 - 1
)

// EncodeRdev packs a device number as Node.Rdev has it: new_encode_dev of
// include/linux/kdev_t.h. A number that does not fit is an error.
func EncodeRdev(major, minor int64) (uint32, error) {
	if major < 0 || major > majorMax || minor < 0 || minor > minorMax {
		return 0, fmt.Errorf("the device number %d:%d does not fit an image: %d:%d is the highest", major, minor, majorMax, minorMax)
	}
	return uint32(minor&0xff | major<<8 | minor&^0xff<<12), nil
}

// Device is the device number that Rdev packs.
func (n *Node) Device() (major, minor uint32) {
	return n.Rdev >> 8 & majorMax, n.Rdev&0xff | n.Rdev>>12&0xfff00
}
