package raw

import (
	"bytes"
	"testing"

	"cfsverify/testdata/layers"
)

// FuzzArchives changes bytes of an archive, and wants what is told of the first
// of them to hold against a plain comparison of the bytes.
func FuzzArchives(f *testing.F) {
	for _, spec := range []string{
		"d usr/\nf usr/b mtime=7 =bbb\nl usr/c ->b\nh usr/d ->usr/b",
		"f a pax:atime=1 pax:mtime=1.5 =abc\nf b pax:path=other =x",
		"l b L=long K=target magic=gnu\nf c magic=gnu =c",
		"'g' g =\"9 p=path\\n\"\nc c dev=5,1\n'\\x00' d magic=v7 =abc",
	} {
		for _, at := range []int{0, 140, 150, 500, 512, 600, 1100, 1600} {
			f.Add(layers.Tar(spec), uint16(at), byte(1), uint16(at+700), byte(0), uint16(0))
		}
		f.Add(layers.Tar(spec), uint16(0), byte(0), uint16(0), byte(0), uint16(512))
	}
	f.Fuzz(func(t *testing.T, a []byte, at1 uint16, xor1 byte, at2 uint16, xor2 byte, move uint16) {
		a = bytes.Clone(a)
		resumAll(a)
		b := bytes.Clone(a)
		if len(b) > 0 {
			b[int(at1)%len(b)] ^= xor1
			b[int(at2)%len(b)] ^= xor2
			// Blocks of the beginning go to the end, before the zeros if there are two.
			cut := int(move) % len(b) / 512 * 512
			end := max(len(b)-1024, cut)
			b = bytes.Join([][]byte{b[cut:end], b[:cut], b[end:]}, nil)
		}
		resumAll(b)
		x, err := Archives(bytes.NewReader(a), bytes.NewReader(b), nil)
		if err != nil {
			return
		}
		checkArchive(t, x, a, b)
		if n := x.Entries[0] - x.Only[0].Number; n != x.Entries[1]-x.Only[1].Number || n < 0 {
			t.Errorf("%v entries, of which %d and %d are on one side alone", x.Entries, x.Only[0].Number, x.Only[1].Number)
		}
		y, err := Archives(bytes.NewReader(b), bytes.NewReader(a), nil)
		if err != nil {
			t.Fatal(err)
		}
		checkArchive(t, y, b, a)
	})
}

// resumAll gives blocks that look like headers a right checksum.
func resumAll(archive []byte) {
	for ; len(archive) >= 512; archive = archive[512:] {
		if string(archive[257:262]) == "ustar" {
			resum(archive[:512])
		}
	}
}
