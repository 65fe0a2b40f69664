package storage_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/importers/storage"
	"cfsverify/testdata/files"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/storages"
)

func mkfifo(name string) error { return unix.Mkfifo(name, 0o600) }

// TestDamagedLayers: what is not as it was pulled is named, nothing is waited for, and
// nothing outside of the layer is read.
func TestDamagedLayers(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	files.Write(t, secret, []byte("1"))
	inPlaceOf := func(name string, do func(m files.Maker, path string)) func(s *storages.Store, m files.Maker) {
		return func(_ *storages.Store, m files.Maker) {
			if err := os.Remove(m.Path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				m.Fatal(err)
			}
			do(m, name)
		}
	}
	const lost = "layer 1 (sha256:*): the storage does not hold what was pulled: "
	headers := func(s *storages.Store) string {
		return filepath.Join(s.Root, "overlay-layers", s.Layers[0]["id"].(string)+".tar-split.gz")
	}
	zipped := func(text string) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	replaced := func(text string) func(s *storages.Store, m files.Maker) {
		return func(s *storages.Store, m files.Maker) { files.Write(s.T, headers(s), zipped(text)) }
	}
	for name, c := range map[string]struct {
		change func(s *storages.Store, m files.Maker)
		want   string
	}{
		"changed":                     {inPlaceOf("etc/a", func(m files.Maker, p string) { m.Do(os.WriteFile(m.Path(p), []byte("2"), 0o644)) }), lost + `"etc/a" has other content`},
		"longer":                      {inPlaceOf("etc/a", func(m files.Maker, p string) { m.Do(os.WriteFile(m.Path(p), []byte("11"), 0o644)) }), lost + `"etc/a" has another size`},
		"gone":                        {inPlaceOf("etc/a", func(files.Maker, string) {}), lost + `"etc/a" is not there`},
		"FIFO":                        {inPlaceOf("etc/a", func(m files.Maker, p string) { m.Do(mkfifo(m.Path(p))) }), lost + `"etc/a" is no regular file`},
		"directory":                   {inPlaceOf("etc/a", func(m files.Maker, p string) { m.Mkdir(p) }), lost + `"etc/a" is no regular file`},
		"symlink out of the layer":    {inPlaceOf("etc/a", func(m files.Maker, p string) { m.Symlink(secret, p) }), lost + `"etc/a" is not there`},
		"symlink up out of the layer": {inPlaceOf("etc/a", func(m files.Maker, p string) { m.Symlink(strings.Repeat("../", 40)+secret, p) }), lost + `"etc/a" is not there`},
		"symlink to itself":           {inPlaceOf("etc/a", func(m files.Maker, p string) { m.Symlink("a", p) }), lost + `"etc/a" is not there`},
		"two files": {func(s *storages.Store, m files.Maker) {
			m.Do(os.Remove(m.Path("etc/a")))
			m.Do(os.WriteFile(m.Path("etc/gone"), []byte("y"), 0o644))
		}, lost + `"etc/a" is not there, "etc/gone" has other content`},
		"all": {func(_ *storages.Store, m files.Maker) { m.Do(os.RemoveAll(m.Path("."))) }, "layer 1 (sha256:*): open *: no such file or directory"},
		"a link in its place": {func(_ *storages.Store, m files.Maker) {
			m.Do(os.Rename(m.Path("."), m.Path("../moved")))
			m.Do(os.Symlink("moved", filepath.Clean(m.Path("."))))
		}, "layer 1 (sha256:*): open *: not a directory"},
		"no headers":          {func(s *storages.Store, m files.Maker) { m.Do(os.Remove(headers(s))) }, "layer 1 (sha256:*): the storage has no headers of this layer (*.tar-split.gz), as after a partial pull by an old program*: read the image where it comes from, as docker://REGISTRY/NAME, or compare that with what was unpacked, as unpacked:NAME"},
		"headers as a FIFO":   {func(s *storages.Store, m files.Maker) { m.Do(os.Remove(headers(s))); m.Do(mkfifo(headers(s))) }, "layer 1 (sha256:*): *.tar-split.gz is no regular file"},
		"headers cut off":     {func(s *storages.Store, m files.Maker) { m.Do(os.Truncate(headers(s), 60)) }, "layer 1 (sha256:*): the headers of the layer: unexpected EOF"},
		"headers not zipped":  {func(s *storages.Store, m files.Maker) { files.Write(s.T, headers(s), []byte("{}")) }, "layer 1 (sha256:*): the headers of the layer: unexpected EOF"},
		"headers of no JSON":  {replaced("x\n"), "layer 1 (sha256:*): the headers of the layer: a line is not valid: invalid character 'x' at start of value, at byte 0"},
		"a member twice":      {replaced(`{"type":2,"payload":"","payload":""}`), `layer 1 (sha256:*): the headers of the layer: a line is not valid: member "/payload" is there twice*`},
		"other type":          {replaced(`{"type":3,"payload":""}`), "layer 1 (sha256:*): the headers of the layer: entry 1 is none of tar-split"},
		"negative size":       {replaced(`{"type":1,"name":"a","size":-1,"payload":""}`), "layer 1 (sha256:*): the headers of the layer: entry 1 is none of tar-split"},
		"a long line":         {replaced(`{"type":2,"payload":"` + strings.Repeat("AAAA", 5<<20) + `"}`), "layer 1 (sha256:*): the headers of the layer: a line has more than 16777216 bytes"},
		"entries without end": {replaced(strings.Repeat(`{"type":1,"name":"a","payload":null}`+"\n", 1000)), "layer 1 (sha256:*): the headers of the layer: there are 9 entries for 0 bytes of an archive"},
		"other headers":       {replaced(`{"type":2,"payload":"AAAA"}`), "layer 1 (sha256:*): the uncompressed layer is not the one that the config names: its diffID should be *"},
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			store.T = t
			c.change(store, files.New(t, filepath.Join(store.Root, "overlay", store.Layers[0]["id"].(string), "diff")))
			got, err := read(t, store)
			if err == nil || !matches(c.want, err.Error()) {
				t.Errorf("%q, error %v\nwant       %s", got, err, c.want)
			}
			var missing *storage.NoHeadersError
			if errors.As(err, &missing) != (name == "no headers") {
				t.Errorf("error %#v", err)
			}
		})
	}
}

// matches compares a text with one that has stars for anything.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for i, part := range parts[1:] {
		at := strings.Index(text, part)
		if i == len(parts)-2 {
			at = strings.LastIndex(text, part)
		}
		if at < 0 || i == len(parts)-2 && part != "" && at+len(part) != len(text) {
			return false
		}
		text = text[at+len(part):]
	}
	return len(parts) > 1 || text == ""
}

// TestOwnSymlinks: a symlink of the layer itself leads to what the layer has, as it did for
// the program that unpacked it.
func TestOwnSymlinks(t *testing.T) {
	store := newStore(t)
	m := files.New(t, filepath.Join(store.Root, "overlay", store.Layers[0]["id"].(string), "diff"))
	m.Do(os.Rename(m.Path("etc"), m.Path("moved")))
	m.Symlink("/moved", "etc")
	if got, err := read(t, store); got != merged() || err != nil {
		t.Errorf("got\n%swant\n%s%v", got, merged(), err)
	}
}

// TestDevices: a device in place of a file is not opened, which might start what it is for.
func TestDevices(t *testing.T) {
	oracle.Root(t)
	store := newStore(t)
	m := files.New(t, filepath.Join(store.Root, "overlay", store.Layers[0]["id"].(string), "diff"))
	m.Do(os.Remove(m.Path("etc/a")))
	// There is no driver of this number: to open it would be ENXIO.
	m.Do(unix.Mknod(m.Path("etc/a"), unix.S_IFCHR|0o600, int(unix.Mkdev(511, 1))))
	if _, err := read(t, store); err == nil || !strings.HasSuffix(err.Error(), `the storage does not hold what was pulled: "etc/a" is no regular file`) {
		t.Errorf("error %v", err)
	}
}
