package layer

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/testdata/layers"
)

// FuzzReadLayer: whatever is read can be applied and makes a valid tree, and
// archive/tar reads the same.
func FuzzReadLayer(f *testing.F) {
	for _, c := range layers.ApplyCases() {
		f.Add(layers.Tar(strings.Join(c.Layers, "\n")))
	}
	f.Add(layers.Tar("f a L=" + strings.Repeat("long/", 40) + "x =abc\nl b ->c K=target magic=gnu"))
	f.Add(layers.Tar(`f a uid=9999999999 pax:size=3 =abc pax:mtime=1.5 pax:"SCHILY.xattr.user.a=\x00"`))
	f.Add(layers.Tar("'g' g =\"9 p=path\\n\"\nc c dev=5,1\n'\\x00' d/ magic=v7\n'7' e =" + strings.Repeat("x", 600)))
	f.Fuzz(func(t *testing.T, data []byte) {
		archive := bytes.Clone(data)
		layers.ResumAll(archive)
		l, err := readTar(archive, 1)
		if err != nil {
			return
		}
		for i, e := range l.List {
			if e.Header.Offset%512 != 0 || i > 0 && e.Header.Offset <= l.List[i-1].Header.Offset {
				t.Errorf("entry %d: offset %d", i+1, e.Header.Offset)
			}
		}
		for _, rules := range AllRules() {
			tree, err := Apply([]*Entries{l}, rules)
			if err != nil {
				continue
			}
			if err := tree.Validate(); err != nil {
				t.Errorf("%s: %v", rules, err)
			}
		}
		compareArchiveTar(t, archive, l)
	})
}

// compareArchiveTar compares headers as far as archive/tar reads the archive.
func compareArchiveTar(t *testing.T, archive []byte, l *Entries) {
	r := tar.NewReader(bytes.NewReader(archive))
	for i, e := range l.List {
		h, err := r.Next()
		for err == nil && h.Typeflag == tar.TypeXGlobalHeader {
			h, err = r.Next()
		}
		if err == io.EOF {
			t.Errorf("archive/tar ends before entry %d", i+1)
		}
		if err != nil {
			return
		}
		compareHeader(t, i+1, e.Header, h)
	}
	h, err := r.Next()
	for err == nil && h.Typeflag == tar.TypeXGlobalHeader {
		h, err = r.Next()
	}
	if err == nil {
		t.Errorf("archive/tar has more than %d entries", len(l.List))
	}
}

func compareHeader(t *testing.T, entry int, got *canon.Header, want *tar.Header) {
	// archive/tar takes a directory for what newEntry takes for a file, drops
	// empty PAX values, prefers GNU names, and knows two more places of prefixes.
	typeflag := got.Typeflag
	if typeflag == 0 {
		typeflag = '0'
		if strings.HasSuffix(want.Name, "/") {
			typeflag = '5'
		}
	}
	for _, value := range got.PAX {
		if value == "" {
			return
		}
	}
	_, paxPath := got.PAX["path"]
	sameName := got.Name == want.Name || paxPath || want.Format == tar.FormatGNU || want.Format == tar.FormatUnknown
	_, paxLink := got.PAX["linkpath"]
	isLink := typeflag == '1' || typeflag == '2'
	if typeflag != want.Typeflag || !sameName || isLink && !paxLink && got.Linkname != want.Linkname || got.Size != want.Size ||
		got.Mode != want.Mode || got.UID != int64(want.Uid) || got.GID != int64(want.Gid) {
		t.Errorf("entry %d: got %+v, archive/tar has %+v", entry, got, want)
	}
	if got.Mtime.Sec != want.ModTime.Unix() || int(got.Mtime.Nsec) != want.ModTime.Nanosecond() {
		t.Errorf("entry %d: mtime %+v, archive/tar has %v", entry, got.Mtime, want.ModTime)
	}
}
