package erofs

import "encoding/binary"

// On-disk constants: fs/erofs/erofs_fs.h in the kernel, and composefs's
// lcfs-erofs.h for the header that comes first.
const (
	composefsMagic  = 0xd078629a
	containerFormat = 1
	flagHasACL      = 1

	erofsMagic          = 0xe0f5e1e2
	superOffset         = 1024
	superSize           = 128
	featureMtime        = 2
	featureXattrFilter  = 4
	blockBits           = 12
	blockSize           = 1 << blockBits
	slotSize            = 32
	inodesOffset        = superOffset + superSize
	compactSize         = 32
	extendedSize        = 64
	direntSize          = 12
	xattrBodyHeader     = 12
	xattrEntryHeader    = 4
	layoutFlatPlain     = 0
	layoutFlatInline    = 2
	layoutChunkBased    = 4
	chunkBitsMax        = 43 // 31 in the five bits of the chunk format, plus blockBits
	chunkCountMax       = 1024
	fileMax             = chunkCountMax << chunkBitsMax
	chunkEntrySize      = 4
	noBlock             = 0xff // each byte of the address of a chunk that lies nowhere
	xattrFilterSeed     = 0x25bbe08f
	fileTypeRegular     = 1
	fileTypeDirectory   = 2
	fileTypeCharDevice  = 3
	fileTypeBlockDevice = 4
	fileTypeFIFO        = 5
	fileTypeSocket      = 6
	fileTypeSymlink     = 7
)

var le = binary.LittleEndian

func roundUp(n, to uint64) uint64 { return (n + to - 1) / to * to }
