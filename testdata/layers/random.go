package layers

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
)

// Random makes an image of few names and all that can become of them: one for
// each seed.
func Random(seed uint64) Image {
	r := few{rand.New(rand.NewPCG(1, seed))}
	return randomImage(fmt.Sprintf("random-%d", seed), r.Rand, r, 6)
}

// entryMaker chooses what the entries of random layers are.
type entryMaker interface {
	// path is that of the next entry.
	path() string
	// entry is one for the path, as a spec without metadata, and metadata what to add.
	entry(path string) string
	metadata(entry string) string
}

func randomImage(name string, r *rand.Rand, m entryMaker, entries int) Image {
	image := Image{Name: name}
	for range 1 + r.IntN(4) {
		image.Layers = append(image.Layers, randomSpec(r, m, entries))
	}
	return image
}

// randomSpec is a layer of up to so many entries, few of them for one path.
func randomSpec(r *rand.Rand, m entryMaker, entries int) string {
	var spec strings.Builder
	seen := map[string]bool{}
	for range 1 + r.IntN(entries) {
		p := m.path()
		if seen[p] && r.IntN(10) > 0 {
			continue
		}
		seen[p] = true
		entry := m.entry(p)
		spec.WriteString(entry + m.metadata(entry) + "\n")
	}
	return spec.String()
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// few makes entries of few names.
type few struct{ *rand.Rand }

func (r few) path() string {
	p := pick(r.Rand, "a", "b", "c")
	for r.IntN(3) > 0 {
		p += "/" + pick(r.Rand, "a", "b", "c")
	}
	return p
}

func (r few) entry(p string) string {
	dir, base := path.Split(p)
	switch r.IntN(13) {
	case 0, 1, 2, 3:
		return "d " + p
	case 4, 5, 6:
		return "f " + p + " =" + pick(r.Rand, "x", "y")
	case 7:
		return "l " + p + " ->" + pick(r.Rand, "a", "b", "../c", "/a/b", "/b", ".")
	case 8:
		return "h " + p + " ->" + r.path()
	case 9, 10:
		return "f " + dir + ".wh." + base
	case 11:
		return "f " + dir + ".wh..wh..opq"
	}
	return "d " + pick(r.Rand, "./", "/")
}

func (r few) metadata(entry string) string {
	line := fmt.Sprintf(" mtime=%d uid=%d gid=%d mode=%s", r.IntN(1000), r.IntN(3), r.IntN(3), pick(r.Rand, "755", "644", "2770", "4711", "1777", "0"))
	if r.IntN(6) == 0 {
		line += fmt.Sprintf(" pax:mtime=%d.5", r.IntN(100)-20)
	}
	if r.IntN(4) == 0 && entry[0] != 'l' {
		line += " pax:SCHILY.xattr.user." + pick(r.Rand, "a", "b") + "=" + pick(r.Rand, "1", "2")
	}
	return line
}
