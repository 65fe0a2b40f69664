package reports

import (
	"fmt"
	"strconv"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/raw"
)

var extensionNames = map[byte]string{'x': "PAX header", 'g': "global PAX header", 'L': "GNU long name header", 'K': "GNU long target header"}

// partText names what differs.
func partText(c tarfile.Change) string {
	header := extensionNames[c.Extension]
	switch c.Part {
	case tarfile.PartExtension:
		return header
	case tarfile.PartExtensionOrder:
		return "order of extension headers"
	case tarfile.PartRecord:
		if c.Extension == 'g' {
			return "global PAX record " + printable.Text(c.Key)
		}
		return "PAX record " + printable.Text(c.Key)
	case tarfile.PartRecordOrder:
		return "order of records in the " + header
	case tarfile.PartRecordForm:
		return "way in which records are written in the " + header
	case tarfile.PartData:
		return "content of the " + header
	case tarfile.PartZeroBlocks:
		return "zero blocks at the end"
	case tarfile.PartTrailing:
		return "bytes behind the end"
	case tarfile.PartTrailingData:
		return "what these bytes are"
	case "unused", "gnu":
		return "rest of the header"
	}
	if header != "" {
		return c.Part + " of the " + header
	}
	return c.Part
}

// partValue shows one side of a change.
func partValue(c tarfile.Change, v tarfile.Value) string {
	if v.Missing {
		return "none"
	}
	text := cutValue(v.Text)
	switch c.Part {
	case "mtime", "atime", "ctime":
		if sec, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			text = timeText(canon.Time{Sec: sec})
		}
	case tarfile.PartPadding, tarfile.PartTrailingData, tarfile.PartData, tarfile.PartExtension, "typeflag", "magic", "version", "unused", "gnu":
		text = quoted(v.Text)
	}
	if text == "" {
		text = "empty"
	}
	if v.Raw == "" {
		return text
	}
	if v.Text == "" || c.Part == "typeflag" {
		return quoted(v.Raw)
	}
	return text + " written " + quoted(v.Raw)
}

func quoted(s string) string { return `"` + cutValue(s) + `"` }

func documentValue(text string) string {
	if text == "" {
		return "none"
	}
	return cutValue(text)
}

// contentDiffText tells where the content of a file differs.
func contentDiffText(c *raw.Content) string {
	if c.Offset < 0 {
		return fmt.Sprintf("a %s, b %s", sizeText(c.Sizes[0]), sizeText(c.Sizes[1]))
	}
	return fmt.Sprintf("from byte %d on: a %s of %s, b %s of %s", c.Offset,
		quoted(string(c.Bytes[0])), sizeText(c.Sizes[0]), quoted(string(c.Bytes[1])), sizeText(c.Sizes[1]))
}

func sizeText(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// blobChanges are what differs in how two blobs are stored, by name.
func blobChanges(s *raw.Stored) [][3]string {
	var list [][3]string
	add := func(name string, a, b any) {
		if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
			list = append(list, [3]string{name, x, y})
		}
	}
	add("compression", s.A.Compression, s.B.Compression)
	if a, b := s.A.Gzip, s.B.Gzip; a != nil && b != nil {
		add("gzip mtime", gzipTime(a.Mtime), gzipTime(b.Mtime))
		add("gzip name", quoted(a.Name), quoted(b.Name))
		add("gzip comment", quoted(a.Comment), quoted(b.Comment))
		add("gzip extra field", quoted(a.Extra), quoted(b.Extra))
		add("gzip operating system", a.OS, b.OS)
		add("gzip level flags", a.Flags, b.Flags)
	}
	add("size", sizeText(s.A.Size), sizeText(s.B.Size))
	add("digest", s.A.Digest, s.B.Digest)
	return list
}

func gzipTime(sec uint32) string {
	if sec == 0 {
		return "none"
	}
	return timeText(canon.Time{Sec: int64(sec)})
}
