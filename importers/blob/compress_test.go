package blob

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"time"

	"cfsverify/canon/tarfile"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/faults"
)

// compressed is what a writer makes of chunks.
func compressed(t *testing.T, c tarfile.Compression, chunks ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(c, &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, chunk := range chunks {
		if n, err := io.WriteString(w, chunk); n != len(chunk) || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestWriter: what is written reads back as the same blob, and the same bytes give the
// same bytes in whatever pieces they come.
func TestWriter(t *testing.T) {
	text := strings.Repeat("some text, and more of it; ", 20_000)
	for _, c := range []tarfile.Compression{tarfile.Uncompressed, tarfile.Gzip, tarfile.Zstd} {
		for _, data := range []string{"", "x", text} {
			stored := compressed(t, c, data)
			half := len(data) / 2
			if again := compressed(t, c, data[:half], data[half:]); !bytes.Equal(again, stored) {
				t.Errorf("%s of %d bytes: in two pieces there are other bytes", c, len(data))
			}
			if data == "" && c == tarfile.Zstd {
				// Nothing has no frame, which says nothing of its compression.
				continue
			}
			got, found, err := readAll(stated(stored, []byte(data)), bytes.NewReader(stored))
			if err != nil || string(got) != data || found.Compression != c {
				t.Errorf("%s of %d bytes: %d bytes, %+v, %v", c, len(data), len(got), found, err)
			}
			if c != tarfile.Uncompressed && data == text && len(stored) > len(text)/10 {
				t.Errorf("%s: %d bytes became %d", c, len(data), len(stored))
			}
		}
	}
	if got := compressed(t, tarfile.Uncompressed, text); string(got) != text {
		t.Error("what is not to be compressed is changed")
	}
}

// TestGzipWriter: another program reads it, and finds no name, and no time of a clock.
func TestGzipWriter(t *testing.T) {
	r, err := gzip.NewReader(bytes.NewReader(compressed(t, tarfile.Gzip, "text")))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "text" {
		t.Errorf("%q, %v", got, err)
	}
	if h := r.Header; time.Since(h.ModTime).Abs() < 24*time.Hour || h.Name != "" || h.Comment != "" || len(h.Extra) > 0 {
		t.Errorf("header %+v", h)
	}
}

// TestWriterFaults: what cannot be written is an error of a write or of the end.
func TestWriterFaults(t *testing.T) {
	// Bytes without a pattern, so that there are many writes.
	var noise strings.Builder
	for i := range byte(200) {
		noise.WriteString(blobs.Digest([]byte{i}).Hex)
	}
	for _, c := range []tarfile.Compression{tarfile.Uncompressed, tarfile.Gzip, tarfile.Zstd} {
		faults.EveryWrite(t, func(out io.Writer) error {
			w, err := NewWriter(c, out)
			if err != nil {
				return err
			}
			if _, err := io.Copy(w, strings.NewReader(noise.String())); err != nil {
				return err
			}
			return w.Close()
		})
	}
}
