package importers

import (
	"fmt"
	"io"
)

// metadataMax is the size in bytes up to which an index, manifest or config is
// read.
const metadataMax = 16 << 20

// readMetadata reads one that open gives as archive.open does.
func readMetadata(open func(string) (io.ReadCloser, int64, error), name string) ([]byte, error) {
	f, size, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > metadataMax {
		return nil, fmt.Errorf("%s has %d bytes, too many for an index, manifest or config", name, size)
	}
	// What grows meanwhile is cut off.
	return io.ReadAll(io.LimitReader(f, metadataMax))
}
