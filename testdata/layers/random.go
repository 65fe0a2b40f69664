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
	r := rand.New(rand.NewPCG(1, seed))
	image := Image{Name: fmt.Sprintf("random-%d", seed)}
	for range 1 + r.IntN(4) {
		image.Layers = append(image.Layers, randomSpec(r))
	}
	return image
}

func randomSpec(r *rand.Rand) string {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	somePath := func() string {
		p := pick("a", "b", "c")
		for r.IntN(3) > 0 {
			p += "/" + pick("a", "b", "c")
		}
		return p
	}
	var spec strings.Builder
	seen := map[string]bool{}
	for range 1 + r.IntN(6) {
		p := somePath()
		if seen[p] && r.IntN(10) > 0 {
			continue
		}
		seen[p] = true
		dir, base := path.Split(p)
		line := ""
		switch r.IntN(13) {
		case 0, 1, 2, 3:
			line = "d " + p
		case 4, 5, 6:
			line = "f " + p + " =" + pick("x", "y")
		case 7:
			line = "l " + p + " ->" + pick("a", "b", "../c", "/a/b", "/b", ".")
		case 8:
			line = "h " + p + " ->" + somePath()
		case 9, 10:
			line = "f " + dir + ".wh." + base
		case 11:
			line = "f " + dir + ".wh..wh..opq"
		case 12:
			line = "d " + pick("./", "/")
		}
		line += fmt.Sprintf(" mtime=%d uid=%d gid=%d mode=%s", r.IntN(1000), r.IntN(3), r.IntN(3), pick("755", "644", "2770", "4711", "1777", "0"))
		if r.IntN(6) == 0 {
			line += fmt.Sprintf(" pax:mtime=%d.5", r.IntN(100)-20)
		}
		if r.IntN(4) == 0 && line[0] != 'l' {
			line += " pax:SCHILY.xattr.user." + pick("a", "b") + "=" + pick("1", "2")
		}
		spec.WriteString(line + "\n")
	}
	return spec.String()
}
