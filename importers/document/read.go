package document

import (
	"fmt"
	"io"

	"cfsverify/canon/printable"
)

// SizeMax is the size in bytes up to which an index, manifest or config is
// read.
const SizeMax = 16 << 20

// Read reads one that open gives as archive.open does.
func Read(open func(string) (io.ReadCloser, int64, error), name string) ([]byte, error) {
	f, size, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > SizeMax {
		return nil, fmt.Errorf("%s has %d bytes, too many for an index, manifest or config", printable.Text(name), size)
	}
	// What grows meanwhile is cut off.
	return io.ReadAll(io.LimitReader(f, SizeMax))
}
