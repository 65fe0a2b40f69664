package fsverity

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/testdata/oracle"
)

// pattern is a file whose byte i is i modulo 251.
func pattern(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i % 251)
	}
	return p
}

// repeated is the first 100000 bytes of the pattern over and over.
func repeated(size int) []byte {
	return bytes.Repeat(pattern(100_000), size/100_000+1)[:size]
}

// The digests are those of fsverity-utils 1.5 for a block size of 4096.
func TestKnownDigests(t *testing.T) {
	for _, tt := range []struct {
		content []byte
		digest  string
	}{
		{nil, "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95"},
		{nil, "ccf9e5aea1c2a64efa2f2354a6024b90dffde6bbc017825045dce374474e13d10adb9dadcc6ca8e17a3c075fbd31336e8f266ae6fa93a6c3bed66f9e784e5abf"},
		{[]byte{0}, "b803429503d95915829b29fdbc8bbad142f3abfd11b1cadf5526582e685c0551"},
		{[]byte{0}, "9fcf5172b085b1c8f9365eecb37a1869e193a4705654a5829f11939cd01d5c0fd97276be8cd9d49f76cfc8dcfeb80f8128e3548a1de50b56912b9e3fc7bde27b"},
		{pattern(4096), "13e9b8848ae484a36acb3f3cac0ceb2f7601e96633d15c92f9bd3dd44e492157"},
		{pattern(4096), "7bf994782b368ecc4e20ce9144701b1a30524d5bbc90987625de22eebc8cf370ec846c1b5e77f9099c6f6cfc0b590359b9ac8083a43e5f7fa5ec05a25dab6e03"},
		{pattern(4097), "b0d074abef4d544404facfab6ba242f6a8ccbde90f1325cd286f3c8aa8d0f8aa"},
		{pattern(4097), "97a1e45daaa69bd7b31908cf835318ba36476984ffa7f4a5913c0187db04ce5f19dc80306f493741d4ad1cdd212b7a9d2691aa3d42563d35471363fbb0fc7f1c"},
		// The hashes of 128 blocks fill one block of the Merkle tree.
		{repeated(128 * 4096), "1e2820276d407df09fb356fae81556c0f6016911a4d423e2ef116ba5caa79164"},
		{repeated(128*4096 + 1), "2b475cb9de4a9904d783d388bebfef75c5546b75cbbba9e0c2ec6b88e6460ede"},
	} {
		want, err := ParseDigest(tt.digest)
		if err != nil {
			t.Fatal(err)
		}
		if got := SumBytes(want.Algorithm(), tt.content); got != want {
			t.Errorf("%d bytes: %v digest %v, want %v", len(tt.content), want.Algorithm(), got, want)
		}
		if got := digestByBlocks(want.Algorithm(), tt.content, 1, BlockSize); got != want {
			t.Errorf("%d bytes by blocks: %v digest %v, want %v", len(tt.content), want.Algorithm(), got, want)
		}
	}
}

// TestAgainstTool compares with fsverity-utils around every boundary of blocks
// and levels of the Merkle tree.
func TestAgainstTool(t *testing.T) {
	tool := oracle.Tool(t, "fsverity", "fsverity")
	dir := t.TempDir()
	for _, alg := range []Algorithm{SHA256, SHA512} {
		perBlock := BlockSize / alg.Size()
		var args []string
		want := map[string]Digest{}
		for _, blocks := range []int{0, 1, 2, perBlock, perBlock + 1, 2 * perBlock, perBlock * perBlock} {
			for _, more := range []int{-1, 0, 1, 100} {
				size := blocks*BlockSize + more
				if size < 0 || blocks >= perBlock*perBlock && more > 1 {
					continue
				}
				content := pattern(size)
				name := filepath.Join(dir, fmt.Sprintf("%v-%d", alg, size))
				if err := os.WriteFile(name, content, 0o644); err != nil {
					t.Fatal(err)
				}
				args = append(args, name)
				want[name] = SumBytes(alg, content)
			}
		}
		out, err := exec.Command(tool, append([]string{"digest", "--compact", "--hash-alg=" + alg.String(), "--block-size=4096"}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		digests := strings.Fields(string(out))
		if len(digests) != len(args) {
			t.Fatalf("the tool printed %d digests for %d files", len(digests), len(args))
		}
		for i, name := range args {
			if got := want[name].String(); got != digests[i] {
				t.Errorf("%s: %s, the tool says %s", filepath.Base(name), got, digests[i])
			}
		}
	}
}

// However a file is cut into writes, its digest is the same.
func TestChunking(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	content := pattern(130*BlockSize + 17)
	for _, alg := range []Algorithm{SHA256, SHA512} {
		want, err := Sum(alg, bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		h := New(alg)
		for range 50 {
			h.Reset()
			for rest := content; len(rest) > 0; {
				n := min(len(rest), rng.IntN(3*BlockSize))
				h.Write(rest[:n])
				rest = rest[n:]
			}
			if h.Size() != uint64(len(content)) {
				t.Fatalf("size %d, want %d", h.Size(), len(content))
			}
			if got := h.Digest(); got != want {
				t.Fatalf("%v in pieces: %v, want %v", alg, got, want)
			}
		}
	}
}

func TestParseDigest(t *testing.T) {
	for _, s := range []string{"", "00", strings.Repeat("0", 63), strings.Repeat("0", 65), strings.Repeat("g", 64), strings.Repeat("0", 127)} {
		if d, err := ParseDigest(s); err == nil {
			t.Errorf("%q: %v, want an error", s, d)
		}
	}
	d, err := ParseDigest(strings.Repeat("Ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	if want := "ab/" + strings.Repeat("ab", 31); d.ObjectPath() != want {
		t.Errorf("object path %s, want %s", d.ObjectPath(), want)
	}
	if !(Digest{}).IsZero() || (Digest{}).String() != "" || (Digest{}).ObjectPath() != "" || d.IsZero() {
		t.Error("the zero digest is not told from others")
	}
}

// TestZeros: zeros that are told are the same as zeros that are written.
func TestZeros(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, alg := range []Algorithm{SHA256, SHA512} {
		for range 200 {
			told, written := New(alg), New(alg)
			for range random.IntN(6) {
				n := random.IntN(1 << random.IntN(23))
				if random.IntN(3) == 0 {
					n = n &^ (BlockSize - 1)
				}
				if random.IntN(2) == 0 {
					told.WriteZeros(uint64(n))
					written.Write(make([]byte, n))
					continue
				}
				data := bytes.Repeat([]byte{byte(n)}, n)
				told.Write(data)
				written.Write(data)
			}
			if told.Size() != written.Size() || told.Digest() != written.Digest() {
				t.Fatalf("%v: of %d bytes", alg, told.Size())
			}
		}
	}
}

// TestManyZeros: in a file of zeros with as many blocks as fill every level of
// the tree, all blocks of a level are equal.
func TestManyZeros(t *testing.T) {
	for levels, size := range []uint64{4096, 4096 << 7, 4096 << 14, 4096 << 21, 4096 << 28, 4096 << 35, 4096 << 42} {
		block := make([]byte, 4096)
		for range levels {
			sum := sha256.Sum256(block)
			block = bytes.Repeat(sum[:], 128)
		}
		root := sha256.Sum256(block)
		descriptor := append([]byte{1, 1, 12, 0, 0, 0, 0, 0}, binary.LittleEndian.AppendUint64(nil, size)...)
		descriptor = append(descriptor, root[:]...)
		want := sha256.Sum256(append(descriptor, make([]byte, 256-len(descriptor))...))
		h := New(SHA256)
		h.WriteZeros(size / 3)
		h.WriteZeros(size - size/3)
		if got := h.Digest().String(); got != hex.EncodeToString(want[:]) {
			t.Errorf("%d bytes: %s, want %x", size, got, want)
		}
	}
}

func FuzzHasher(f *testing.F) {
	f.Add([]byte("x"), uint16(1))
	f.Add(pattern(3*BlockSize), uint16(BlockSize))
	f.Fuzz(func(t *testing.T, content []byte, cut uint16) {
		n := min(int(cut), len(content))
		h := New(SHA256)
		h.Write(content[:n])
		h.Write(content[n:])
		if got, want := h.Digest(), SumBytes(SHA256, content); got != want {
			t.Errorf("cut at %d: %v, want %v", n, got, want)
		}
	})
}

func BenchmarkHasher(b *testing.B) {
	content := pattern(1 << 20)
	for _, alg := range []Algorithm{SHA256, SHA512} {
		b.Run(alg.String(), func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			h := New(alg)
			for b.Loop() {
				h.Reset()
				h.Write(content)
				h.Digest()
			}
		})
	}
}

func ExampleSumBytes() {
	d := SumBytes(SHA256, []byte{0})
	fmt.Println(d)
	fmt.Println(d.ObjectPath())
	// Output:
	// b803429503d95915829b29fdbc8bbad142f3abfd11b1cadf5526582e685c0551
	// b8/03429503d95915829b29fdbc8bbad142f3abfd11b1cadf5526582e685c0551
}
