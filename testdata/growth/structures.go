package growth

import "fmt"

// structures are what an image can have much of.
func structures() []Shape {
	image := func(format string) func(int) []string {
		return func(n int) []string { return []string{base + each(n, format)} }
	}
	scan := func(format string) func(int) string {
		return func(n int) string { return base + each(n, format) }
	}
	return []Shape{
		{Name: "files", Layers: image("f usr/d/f%[1]d mtime=1 =%[1]d"), Scan: scan("f usr/d/f%[1]d mtime=2 =x%[1]d")},
		{Name: "files unsorted", Layers: image("f usr/d/%[1]o%[1]x mtime=1"), Scan: scan("f usr/d/%[1]d mtime=2")},
		{Name: "directories", Layers: image("d usr/d/f%[1]d mtime=1\nf usr/d/f%[1]d/x mtime=1"), Scan: scan("d usr/d/f%[1]d mtime=2\nf usr/d/f%[1]d/y mtime=2")},
		{Name: "names of one inode", Layers: func(n int) []string {
			return []string{base + "f usr/d/f mtime=1 =x\n" + each(n, "h usr/d/h%[1]d ->usr/d/f mtime=3")}
		},
			Scan: func(n int) string {
				return base + "f usr/d/f mtime=2 =x\n" + each(n-1, "h usr/d/h%[1]d ->usr/d/f mtime=2")
			}},
		{Name: "copies of one inode", Layers: func(n int) []string {
			return []string{base + "f usr/d/f mtime=1 =x\n" + each(n, "h usr/d/h%[1]d ->usr/d/f mtime=3")}
		},
			Scan: func(n int) string { return base + each(n, "f usr/d/h%[1]d mtime=2 =x") }},
		{Name: "copies joined", Layers: image("f usr/d/h%[1]d mtime=%[1]d =x"), Scan: func(n int) string {
			return base + "f usr/d/f mtime=2 =x\n" + each(n, "h usr/d/h%[1]d ->usr/d/f mtime=2")
		}},
		{Name: "hardlinks over layers", Layers: func(n int) []string {
			return []string{base + each(n, "f usr/d/f%[1]d mtime=1 =%[1]d"), each(n, "h usr/d/g%[1]d ->usr/d/f%[1]d mtime=2"), each(n, "h usr/d/h%[1]d ->usr/d/g%[1]d mtime=3")}
		}, Scan: scan("f usr/d/h%[1]d mtime=2 =%[1]d")},
		{Name: "layers", Layers: func(n int) []string {
			list := []string{base}
			for i := range n / 16 {
				list = append(list, fmt.Sprintf("d usr mtime=1\nd usr/d mtime=1\nf usr/d/f%06[1]d mtime=%[1]d\nf usr/d/.wh.f%06[2]d\nf usr/d/last mtime=%[1]d", i, i/2))
			}
			return list
		}, Scan: scan("f usr/d/f%[1]d mtime=2")},
		{Name: "markers of one directory", Layers: func(n int) []string {
			list := []string{base + each(n, "f usr/d/f%[1]d mtime=1")}
			for range n / 32 {
				list = append(list, "f usr/d/.wh..wh..opq\nf usr/d/x mtime=1")
			}
			return list
		}, Scan: scan("f usr/d/f%[1]d mtime=1")},
		{Name: "a directory replaced again and again", Layers: image("f usr/r mtime=1 =x\nd usr/r mtime=1\nf usr/r/f%[1]d mtime=1"), Scan: scan("f usr/r/f%[1]d mtime=1")},
		{Name: "replaced in layers", Layers: func(n int) []string {
			list := []string{base + "d usr/r mtime=1\n" + each(n, "f usr/r/f%[1]d mtime=1")}
			for i := range n / 32 {
				list = append(list, fmt.Sprintf("d usr mtime=1\n%s usr/r mtime=%d", []string{"d", "f"}[(n/32-i)%2], i))
			}
			return list
		}, Scan: scan("f usr/r/f%[1]d mtime=1")},
		{Name: "whiteouts", Layers: func(n int) []string {
			return []string{base + each(n, "f usr/d/f%[1]d mtime=1"), "d usr mtime=1\nd usr/d mtime=1\n" + each(n, "f usr/d/.wh.f%[1]d")}
		}},
		{Name: "whiteouts of what the layer has", Layers: func(n int) []string {
			return []string{base + each(n, "f usr/d/f%[1]d mtime=1"), "d usr mtime=1\nd usr/d mtime=1\n" + each(n, "f usr/d/f%[1]d mtime=2\nf usr/d/.wh.f%[1]d")}
		}},
		{Name: "hardlinked whiteouts", Layers: func(n int) []string {
			return []string{base + each(n, "f usr/d/f%[1]d mtime=1"), "d usr mtime=1\nd usr/d mtime=1\nf usr/d/.wh.f0\n" + each(n-1, "h usr/d/.wh.f1%[1]d ->usr/d/.wh.f0")}
		}},
		{Name: "nested opaque markers", Deep: true, Layers: func(n int) []string {
			return []string{base + chain(n) + each(n, member("f", deep(n)+"f%[1]d", "", "mtime=1")), times(n*19/20, func(i int) string { return member("f", deep(n)[:2*i+2]+".wh..wh..opq", "", "") }) + each(n, member("f", deep(n)+"g%[1]d", "", "mtime=1"))}
		}, Scan: func(n int) string { return base + chain(n) + each(n, member("f", deep(n)+"f%[1]d", "", "mtime=1")) }},
		{Name: "deep paths", Deep: true, Layers: func(n int) []string {
			return []string{base + chain(n) + each(n, member("f", deep(n)+"f%[1]d", "", "mtime=1"))}
		},
			Scan: func(n int) string { return base + chain(n) + each(n, member("f", deep(n)+"f%[1]d", "", "mtime=2")) }},
		{Name: "deep setgid directories", Deep: true, Layers: func(n int) []string {
			return []string{base + chain(n), each(n, member("f", deep(n)+"d%[1]d/x", "", "mtime=1"))}
		}, Scan: func(n int) string {
			return base + chain(n) + each(n, member("d", deep(n)+"d%[1]d", "", "mode=2755 mtime=1")+"\n"+member("f", deep(n)+"d%[1]d/x", "", "mtime=1"))
		}},
		{Name: "deep chains of symlinks", Deep: true, Layers: func(n int) []string {
			return []string{base + chain(n) + deepSymlinks(n), each(n, "f l%[1]d/x mtime=1")}
		}, Scan: func(n int) string { return base + chain(n) + deepSymlinks(n) }},
		{Name: "symlinks through each other", Layers: func(n int) []string {
			return []string{base + throughEachOther(n), each(n, "f usr/d/s%[1]d/x mtime=1")}
		}, Scan: func(n int) string {
			return base + throughEachOther(n) + "f usr/d/s099999/x mtime=1"
		}},
		{Name: "markers below symlinks", Layers: func(n int) []string {
			return []string{base + each(n, "d usr/d/t%[1]d mtime=1\nf usr/d/t%[1]d/f mtime=1\nl usr/d/s%[1]d ->t%[1]d mtime=1"), "d usr mtime=1\nd usr/d mtime=1\n" + each(n, "f usr/d/s%[1]d/.wh.f\nf usr/d/s%[1]d/g mtime=1")}
		}, Scan: scan("d usr/d/t%[1]d mtime=1\nf usr/d/t%[1]d/g mtime=1\nl usr/d/s%[1]d ->t%[1]d mtime=1")},
		{Name: "an opaque marker and what its layer has", Layers: func(n int) []string {
			return []string{base + each(n, "f usr/d/a%[1]d mtime=1"), "d usr mtime=1\nd usr/d mtime=1\nf usr/d/.wh..wh..opq", "d usr mtime=1\nd usr/d mtime=1\n" + each(n, "f usr/d/b%[1]d mtime=1")}
		}, Scan: scan("f usr/d/a%[1]d mtime=1\nf usr/d/b%[1]d mtime=1")},
		{Name: "xattrs of one file", Layers: func(n int) []string { return []string{base + "f usr/d/f mtime=1 " + xattrs(n, "a")} }, Scan: func(n int) string { return base + "f usr/d/f mtime=1 " + xattrs(n, "b") }},
		{Name: "xattrs of many files", Layers: image("f usr/d/f%[1]d mtime=1 pax:SCHILY.xattr.user.x%[1]d=1"), Scan: scan("f usr/d/f%[1]d mtime=1 pax:SCHILY.xattr.user.y%[1]d=1")},
		{Name: "a file named again and again", Layers: func(n int) []string { return []string{base + each(n, "f usr/d/f mtime=%[1]d")} }, Scan: func(n int) string { return base + "f usr/d/f mtime=3" }},
		{Name: "long names with one beginning", Layers: image(member("f", "usr/d/%0200[1]d", "", "mtime=1")), Scan: scan(member("f", "usr/d/%0201[1]d", "", "mtime=1"))},
		{Name: "missing parents", Layers: image("f usr/d/p%[1]d/q/f mtime=1"), Scan: scan("f usr/d/p%[1]d/q/f mtime=2")},
		{Name: "lint", Layers: image("f /usr//d/./f%[1]d mtime=-%[1]d pax:SCHILY.xattr.user.e%[1]d= magic=gnu")},
	}
}

// throughEachOther are symlinks each of which leads to the one before.
func throughEachOther(n int) string {
	return "d usr/d/s099999 mtime=1\n" + times(n, func(i int) string {
		return fmt.Sprintf("l usr/d/t%[2]d ->s%06[1]d mtime=1\nl usr/d/s%[2]d ->t%[2]d mtime=1", 99_999+i, 100_000+i)
	})
}

// deepSymlinks lead to a chain of links that lead to each other in a deep directory.
func deepSymlinks(n int) string {
	const links = 254
	name := func(i int) string { return fmt.Sprintf("%ss%03d", deep(n), i) }
	return times(links, func(i int) string { return member("l", name(i), "/"+name(i+1), "mtime=1") }) +
		member("d", name(links), "", "mtime=1") + "\n" + member("f", name(links)+"/x", "", "mtime=1") + "\n" +
		each(n, member("l", "l%[1]d", "/"+name(0), "mtime=1"))
}

func xattrs(n int, value string) string {
	list := ""
	for i := range n {
		list += fmt.Sprintf(" pax:SCHILY.xattr.user.%03x=%s", i, value)
	}
	return list
}
