package dumpfile_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"cfsverify/canon/dumpfile"
)

// system is a dump file of about n lines, like that of an operating system:
// directories of 40 files, most of them external and with SELinux labels.
func system(n int) []string {
	lines := []string{"/ 0 40755 2 0 0 0 1.0 - - - security.selinux=root_t\\x00"}
	for len(lines) < n {
		top := "/d" + fmt.Sprint(len(lines)/2000)
		if !strings.HasPrefix(lines[len(lines)-1], top+"/") {
			lines = append(lines, top+" 0 40755 2 0 0 0 1700000000.0 - - -")
		}
		dir := fmt.Sprintf("%s/package%d", top, len(lines))
		lines = append(lines, dir+" 0 40755 2 0 0 0 1700000000.0 - - - security.selinux=usr_t\\x00")
		for i := range 40 {
			hash := fmt.Sprintf("%064x", uint64(len(lines))*0x9e3779b97f4a7c15)
			lines = append(lines, fmt.Sprintf("%s/file%d.so 12345 100644 1 0 0 0 1700000000.0 %s/%s - %s security.selinux=lib_t\\x00",
				dir, i, hash[:2], hash[2:], hash))
		}
	}
	return lines[:n]
}

func benchmarkParse(b *testing.B, lines []string) {
	in := strings.Join(lines, "\n") + "\n"
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(in, strict); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{64_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkParse(b, system(n)) })
	}
}

// BenchmarkParseShuffled has all directories first and then all files, at
// random.
func BenchmarkParseShuffled(b *testing.B) {
	lines := system(64_000)
	slices.SortStableFunc(lines, func(a, b string) int {
		return strings.Count(strings.SplitN(a, " ", 2)[0], "/") - strings.Count(strings.SplitN(b, " ", 2)[0], "/")
	})
	files := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "/file") })
	rest := lines[files:]
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	benchmarkParse(b, lines)
}

// BenchmarkParseOneDirectory has all names in one directory, last first.
func BenchmarkParseOneDirectory(b *testing.B) {
	for _, n := range []int{64_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			lines := []string{strings.TrimSpace(root)}
			for i := range n {
				lines = append(lines, fmt.Sprintf("/f%09d 0 100644 1 0 0 0 1.0 - - -", n-i))
			}
			benchmarkParse(b, lines)
		})
	}
}

// BenchmarkParseHardlinks has half of the names lead to the other half, in
// chains, and each before its target.
func BenchmarkParseHardlinks(b *testing.B) {
	for _, n := range []int{64_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			lines := []string{strings.TrimSpace(root)}
			for i := range n {
				line := fmt.Sprintf("/f%09d 0 @100644 1 0 0 0 1.0 /f%09d - -", i, i+1)
				if i == n-1 {
					line = fmt.Sprintf("/f%09d 0 100644 1 0 0 0 1.0 - - -", i)
				}
				lines = append(lines, line)
			}
			benchmarkParse(b, lines)
		})
	}
}

// BenchmarkParseReplacedXattrs has lines that use up the budget for xattrs and
// then set one of them again and again.
func BenchmarkParseReplacedXattrs(b *testing.B) {
	var xattrs strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&xattrs, " %03x=", 3000-i)
	}
	for xattrs.Len() < 65000 {
		xattrs.WriteString(" 001=")
	}
	lines := []string{strings.TrimSpace(root)}
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("/f%d 0 100644 1 0 0 0 1.0 - - -%s", i, xattrs.String()))
	}
	benchmarkParse(b, lines)
}

func BenchmarkWrite(b *testing.B) {
	in := strings.Join(system(64_000), "\n") + "\n"
	tree, err := parse(in, strict)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := dumpfile.Write(io.Discard, tree); err != nil {
			b.Fatal(err)
		}
	}
}
