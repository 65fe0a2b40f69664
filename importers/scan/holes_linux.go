package scan

import (
	"errors"
	"math"

	"golang.org/x/sys/unix"
)

// holeMin is how many bytes of a file must have no place on disk for its
// holes to be looked for.
const holeMin = 1 << 20

// holes finds the holes of a file, which read as zeros: lseek(2), SEEK_DATA.
type holes struct {
	fd   int
	size uint64
	// dataEnd is where the data ends that next found last.
	dataEnd uint64
}

func newHoles(fd int, size uint64) holes {
	var stat unix.Stat_t
	if size < holeMin || unix.Fstat(fd, &stat) != nil || uint64(stat.Blocks)*512 > size-holeMin {
		return holes{dataEnd: math.MaxUint64}
	}
	return holes{fd: fd, size: size}
}

// next says how long the hole at an offset is, or else how much data there is.
func (h *holes) next(at uint64) (hole, data uint64, err error) {
	if at < h.dataEnd {
		return 0, h.dataEnd - at, nil
	}
	start, err := unix.Seek(h.fd, int64(at), unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return h.size - at, 0, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		h.dataEnd = math.MaxUint64
		return 0, h.dataEnd - at, nil
	case err != nil:
		return 0, 0, err
	case uint64(start) > at:
		return min(uint64(start), h.size) - at, 0, nil
	}
	end, err := unix.Seek(h.fd, int64(at), unix.SEEK_HOLE)
	if err != nil {
		return 0, 0, err
	}
	// What is behind the size is read as well, to see that the file grew.
	if h.dataEnd = uint64(end); h.dataEnd >= h.size {
		h.dataEnd = math.MaxUint64
	}
	return 0, h.dataEnd - at, nil
}
