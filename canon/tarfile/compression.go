package tarfile

// Compression is how an archive is stored.
type Compression string

const (
	Uncompressed Compression = "none"
	Gzip         Compression = "gzip"
	Zstd         Compression = "zstd"
)

// GzipHeader is a header as RFC 1952, section 2.3, has it.
type GzipHeader struct {
	// Mtime is in seconds since 1970, 0 for none.
	Mtime uint32
	// Name, Comment and Extra are empty if there are none.
	Name, Comment, Extra string
	// OS is the system of the compressor, Flags (XFL) tells the level.
	OS, Flags byte
}
