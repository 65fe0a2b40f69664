package files

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/testdata/oracle"
)

// oraclePackages are the Debian packages that the tools are in.
var oraclePackages = map[string]string{
	"bsdtar": "libarchive-tools", "buildah": "buildah", "find": "findutils", "fsverity": "fsverity", "getfattr": "attr",
	"setfattr": "attr", "skopeo": "skopeo", "stat": "coreutils", "tar": "tar", "umoci": "umoci",
}

// Tool runs a tool and returns its standard output.
func Tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	oracle.Tool(t, name, oraclePackages[name])
	var stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &stderr)
	}
	return string(out)
}

// Described is what a tree or the tools say of one name.
type Described struct {
	Type, Mode, UID, GID string
	Mtime, Size, Target  string
	Rdev                 string
	Content              string // inline bytes in hex, or a digest
	Xattrs               map[string]string
	FirstName            string // of the inode, unless it is a directory
	Nlink                int
}

// ByTools describes a directory with find, stat, getfattr and fsverity.
func ByTools(t testing.TB, dir, hash string) map[string]Described {
	t.Helper()
	xattrs := getfattr(t, dir)
	firstNames := map[string]string{}
	rows := strings.Split(Tool(t, "find", dir, "-printf", `%P\0%y\0%m\0%U\0%G\0%s\0%l\0%D:%i\0\n\0`), "\x00\n\x00")
	rows = rows[:len(rows)-1]
	slices.SortFunc(rows, func(a, b string) int {
		return slices.Compare(pathSplit(a), pathSplit(b))
	})
	all := map[string]Described{}
	for _, row := range rows {
		f := strings.Split(row, "\x00")
		path := filepath.Join(dir, f[0])
		e := Described{Type: f[1], Mode: f[2], UID: f[3], GID: f[4], Target: f[6], Xattrs: xattrs[path]}
		stat := strings.Fields(Tool(t, "stat", "--printf=%.9Y %Hr %Lr", path))
		e.Mtime = stat[0]
		switch e.Type {
		case "b", "c":
			e.Rdev = stat[1] + ":" + stat[2]
		case "f":
			e.Size = f[5]
			e.Content = contentByTools(t, path, f[5], hash)
		}
		if e.Type != "d" {
			id := f[7]
			if firstNames[id] == "" {
				firstNames[id] = "/" + f[0]
			}
			e.FirstName = firstNames[id]
		}
		all["/"+f[0]] = e
	}
	counts := map[string]int{}
	for _, e := range all {
		counts[e.FirstName]++
	}
	for path, e := range all {
		if e.Type != "d" {
			e.Nlink = counts[e.FirstName]
			all[path] = e
		}
	}
	return all
}

func pathSplit(row string) []string {
	path, _, _ := strings.Cut(row, "\x00")
	return strings.Split(path, "/")
}

func contentByTools(t testing.TB, path, size, hash string) string {
	t.Helper()
	if n, err := strconv.Atoi(size); err != nil || n > 64 {
		return strings.TrimSpace(Tool(t, "fsverity", "digest", "--compact", "--hash-alg="+hash, path))
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(content)
}

// getfattr gives the xattrs of all that is in dir, values in hex.
func getfattr(t testing.TB, dir string) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	out := Tool(t, "getfattr", "-R", "-P", "-h", "-d", "-m", "-", "-e", "hex", "--absolute-names", dir)
	for block := range strings.SplitSeq(out, "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		path, ok := strings.CutPrefix(lines[0], "# file: ")
		if !ok {
			continue
		}
		values := map[string]string{}
		for _, line := range lines[1:] {
			name, value, _ := strings.Cut(line, "=")
			values[unescape(t, name)] = strings.TrimPrefix(value, "0x")
		}
		all[unescape(t, path)] = values
	}
	return all
}

// unescape undoes the \ooo of getfattr.
func unescape(t testing.TB, s string) string {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		c, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteByte(byte(c))
		i += 3
	}
	return b.String()
}

// OfTree describes a tree in the same words.
func OfTree(t testing.TB, tree *canon.Tree) map[string]Described {
	t.Helper()
	if err := tree.Validate(); err != nil {
		t.Fatal(err)
	}
	types := map[canon.Kind]string{
		canon.Regular: "f", canon.Directory: "d", canon.Symlink: "l", canon.CharDevice: "c",
		canon.BlockDevice: "b", canon.FIFO: "p", canon.Socket: "s",
	}
	firstNames := map[*canon.Node]string{}
	all := map[string]Described{}
	for path, d := range tree.All() {
		n := d.Node
		e := Described{
			Type: types[n.Kind], Mode: strconv.FormatUint(uint64(n.Perm), 8),
			UID: strconv.Itoa(int(n.UID)), GID: strconv.Itoa(int(n.GID)),
			Mtime: decimal(n.Mtime), Target: n.Target,
		}
		if n.Kind.IsDevice() {
			// The inverse, new_decode_dev in include/linux/kdev_t.h.
			e.Rdev = fmt.Sprintf("%d:%d", n.Rdev&0xfff00>>8, n.Rdev&0xff|n.Rdev>>12&0xfff00)
		}
		if n.Kind == canon.Regular {
			e.Size = strconv.FormatUint(n.Size, 10)
		}
		if n.Content != nil {
			e.Content = n.Content.Digest.String() + hex.EncodeToString(n.Content.Inline)
		}
		for _, x := range n.Xattrs {
			if e.Xattrs == nil {
				e.Xattrs = map[string]string{}
			}
			e.Xattrs[x.Name] = hex.EncodeToString([]byte(x.Value))
		}
		if n.Kind != canon.Directory {
			if firstNames[n] == "" {
				firstNames[n] = path
			}
			e.FirstName, e.Nlink = firstNames[n], int(n.Nlink)
		}
		all[path] = e
	}
	return all
}

// decimal writes a time as stat does: -1.5 is half a second before -1.
func decimal(m canon.Time) string {
	if m.Sec < 0 && m.Nsec > 0 {
		return fmt.Sprintf("-%d.%09d", -m.Sec-1, 1_000_000_000-m.Nsec)
	}
	return fmt.Sprintf("%d.%09d", m.Sec, m.Nsec)
}
