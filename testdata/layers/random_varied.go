package layers

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
)

// RandomVaried makes an image of all that layers can hold and that composefs-rs may
// take: one for each seed. Beside what Random has, there are odd and long names and all
// ways to write them, all types, sizes around the limits of formats, owners, times,
// xattrs and devices. Most entries have their parents, and most images what the digests
// of composefs-rs need.
//
// Left out are the corners in which composefs-rs and mkcomposefs write other images of
// one tree, which canon/erofs tests: times before 1970, over 128 xattrs that inodes
// share, a device 0:0 in the root with the name of a whiteout stub, user.overlay.opaque
// over devices 0:0, and such devices with several names; so are two PAX records of an
// mtime. What cfsverify alone refuses is left out too: importers/layer has a case of
// each.
func RandomVaried(seed uint64) Image {
	r := &varied{Rand: rand.New(rand.NewPCG(2, seed)), dirs: []string{""}}
	var base strings.Builder
	for _, dir := range []string{"usr", "run", "boot", "sysroot"} {
		if r.IntN(20) > 0 {
			base.WriteString(r.directory(dir, dir) + r.metadata("d") + "\n")
		}
	}
	image := randomImage(fmt.Sprintf("varied-%d", seed), r.Rand, r, 25)
	image.Layers[0] = base.String() + image.Layers[0]
	return image
}

// varied makes entries of all kinds.
type varied struct {
	*rand.Rand
	// dirs and leaves are the paths of what there may be.
	dirs, leaves []string
}

func (r *varied) path() string {
	if len(r.leaves) > 0 && r.IntN(6) == 0 {
		return pick(r.Rand, r.leaves...)
	}
	dir := pick(r.Rand, r.dirs...)
	switch {
	case r.IntN(200) == 0:
		dir = path.Join(dir, "missing")
	case dir != "" && r.IntN(20) == 0:
		return dir
	}
	return path.Join(dir, r.name())
}

func (r *varied) name() string {
	return pick(r.Rand,
		pick(r.Rand, "a", "b", "c", "d", "e", "f"), pick(r.Rand, "a", "b", "c", "d", "e", "f"),
		"n"+strconv.Itoa(r.IntN(1000)),
		pick(r.Rand, "\xff", "new\nline", " ", "\\", "-", "\u00e9", "e\u0301", "...", "=", "#", "\x01\x7f", ".wh", "00", "fe", "usr", "run"),
		pick(r.Rand, strings.Repeat("long", 63)+"est", strings.Repeat("x", 100), strings.Repeat("y", 99), strings.Repeat("\xfe", 254)))
}

func (r *varied) entry(p string) string {
	dir, base := path.Split(p)
	switch r.IntN(24) {
	case 0, 1, 2, 3, 4:
		return r.directory(p, r.named(p+pick(r.Rand, "", "/", "//")))
	case 5, 6, 7, 8, 9, 10:
		return r.leaf(p, pick(r.Rand, "f ", "f ", "f ", "'7' ", `'\x00' `)+r.named(p)+r.content())
	case 11, 12:
		return r.leaf(p, "l "+r.named(p)+r.target())
	case 13, 14, 15:
		return r.hardlink(p)
	case 16:
		return r.leaf(p, "p "+r.named(p))
	case 17:
		return r.leaf(p, fmt.Sprintf("%s %s dev=%d,%d", pick(r.Rand, "c", "b"), r.named(p), pick(r.Rand, 1, 8, 255, 256, 4095), pick(r.Rand, 0, 3, 255, 256, 1048575)))
	case 18:
		// No hardlink leads to it, and in the root it has no stub's name.
		if dir == "" {
			p = "whiteout"
		}
		r.forget(p, true)
		return "c " + r.named(p) + " dev=0,0"
	case 19, 20:
		if len(base) > 251 {
			return "d ."
		}
		r.forget(p, true)
		return pick(r.Rand, "f ", "f ", "d ", "p ") + r.named(dir+".wh."+base)
	case 21:
		if dir == "" && r.IntN(5) > 0 {
			return "d ."
		}
		r.forget(strings.TrimSuffix(dir, "/"), false)
		return "f " + r.named(dir+".wh..wh..opq")
	case 22:
		return "d " + pick(r.Rand, "./", "/", ".")
	}
	return r.directory(p, r.named("./"+p+"/."))
}

func (r *varied) directory(p, named string) string {
	if !slices.Contains(r.dirs, p) {
		r.forget(p, true)
		r.dirs = append(r.dirs, p)
	}
	return "d " + named
}

func (r *varied) leaf(p, entry string) string {
	r.forget(p, true)
	r.leaves = append(r.leaves, p)
	return entry
}

// hardlink leads to a leaf, but seldom.
func (r *varied) hardlink(p string) string {
	if len(r.leaves) == 0 {
		return r.leaf(p, "f "+r.named(p)+r.content())
	}
	if r.IntN(100) == 0 {
		return "h " + r.named(p) + " ->missing"
	}
	target := pick(r.Rand, r.leaves...)
	return r.leaf(p, "h "+r.named(p)+r.linked(pick(r.Rand, "", "./", "/")+target))
}

// forget is told of what is hidden: p, and all below it.
func (r *varied) forget(p string, itself bool) {
	hidden := func(q string) bool {
		return q != "" && (itself && q == p || p == "" || strings.HasPrefix(q, p+"/"))
	}
	r.dirs = slices.DeleteFunc(r.dirs, hidden)
	r.leaves = slices.DeleteFunc(r.leaves, hidden)
}

// named writes a path in one of the ways that there are.
func (r *varied) named(p string) string {
	p = pick(r.Rand, "", "", "", "./", "/") + p
	if len(p) > 100 || r.IntN(8) == 0 {
		return "x" + pick(r.Rand, " pax:"+strconv.Quote("path="+p), " L="+strconv.Quote(p))
	}
	return strconv.Quote(p)
}

func (r *varied) linked(target string) string {
	if len(target) > 100 || r.IntN(8) == 0 {
		return pick(r.Rand, " pax:"+strconv.Quote("linkpath="+target), " K="+strconv.Quote(target))
	}
	return " ->" + strconv.Quote(target)
}

func (r *varied) target() string {
	return r.linked(pick(r.Rand, "a", "../b", "/", ".", "\xff\n", strings.Repeat("t/", r.IntN(60)+1), strings.Repeat("t", pick(r.Rand, 1, 99, 100, 101, 1000, 4000, 4064))))
}

func (r *varied) content() string {
	size := pick(r.Rand, 0, 1, 10, 63, 64, 65, 511, 512, 513, 4095, 4096, 4097, 9000)
	return " =" + strconv.Quote(strings.Repeat(pick(r.Rand, "content", "x", "\x00", "\xff"), size)[:size])
}

func (r *varied) metadata(entry string) string {
	mode := pick(r.Rand, "755", "644", "2770", "4711", "1777", "7777", "0")
	if more := map[byte]string{'d': "40755", 'f': "100644"}[entry[0]]; more != "" && r.IntN(8) == 0 {
		// The dumps of cfsctl say another type where such bits are those of one.
		mode = more
	}
	line := fmt.Sprintf(" mode=%s uid=%d gid=%d", mode,
		pick(r.Rand, 0, 0, 1000, 65534, 65536, 2097152, 4294967295), pick(r.Rand, 0, 0, 5, 65535, 4294967294, 4294967297))
	line += fmt.Sprintf(" mtime=%d", pick(r.Rand, 0, 1, 1700000000, 1<<31, 1<<32+5, 1<<33, 1<<40+r.IntN(1000)))
	if r.IntN(3) == 0 {
		line += fmt.Sprintf(" pax:mtime=%d%s", r.IntN(2_000_000_000), pick(r.Rand, "", ".5", ".000000001", ".999999999", ".1234567891", ".x", "."))
	}
	if r.IntN(12) == 0 {
		line += fmt.Sprintf(" pax:uid=%d pax:gid=%d", pick(r.Rand, 0, 3_000_000_000), r.IntN(70000))
	}
	for r.IntN(3) == 0 {
		line += " pax:" + strconv.Quote("SCHILY.xattr."+pick(r.Rand, "user.a", "user.b", "user.c"+strconv.Itoa(r.IntN(20)), "user."+strings.Repeat("n", 250), "user.",
			"security.capability", "security.selinux", "trusted.t", "trusted.overlay.opaque", "system.posix_acl_access", "other", "user.\u00e9")+"="+
			pick(r.Rand, "", "1", "2", "\x00\xff=\n", strings.Repeat("v", pick(r.Rand, 100, 255, 256, 1000, 3000))))
	}
	for range 2 {
		if r.IntN(40) == 0 {
			line += pick(r.Rand, " pax:comment=x", " pax:LIBARCHIVE.xattr.user.z=eA", " pax:atime=7", " pax:uname=u", " magic=gnu")
		}
	}
	if entry[0] == 'd' && r.IntN(150) == 0 {
		line += fmt.Sprintf(" size=%d", pick(r.Rand, 1, 512, 1024, 4096))
	}
	if r.IntN(800) == 0 {
		line += pick(r.Rand, ` pax:"\xff=x"`, ` @329="\x80\x00\x00\x00\x00\x00\x00\x01"`)
	}
	return line
}
