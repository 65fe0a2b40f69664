package notes

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/canon/printable"
)

const (
	entriesDir = "/boot/loader/entries"
	modulesDir = "/usr/lib/modules"
)

// bootMtimes lists the mtimes of which programs make different ones.
func bootMtimes(raw *canon.Tree) []Item {
	if !policy.BootPrecisionMatters(raw) {
		return nil
	}
	var items []Item
	for _, name := range []string{"usr", "boot", "sysroot"} {
		if dir := raw.Root.Child(name); dir != nil {
			items = append(items, Item{"/" + name, fmt.Sprintf("mtime %d.%09d", dir.Node.Mtime.Sec, dir.Node.Mtime.Nsec)})
		}
	}
	return items
}

// brokenBootEntries lists what composefs-rs refuses when it looks for what can be booted,
// which it does before it makes a digest for booting of an image, but not when cfsctl
// compute-id scans a directory (crate composefs-boot, bootloader.rs).
func brokenBootEntries(raw *canon.Tree) []Item {
	b := bootEntries{root: raw.Root}
	b.loaderEntries()
	b.programs("/boot/EFI/Linux")
	b.programs("/boot/loader/addons")
	b.modules()
	b.aboot()
	return b.items
}

type bootEntries struct {
	root  *canon.Node
	items []Item
	// others says that there is something to boot besides payloads of aboot.
	others bool
}

func (b *bootEntries) add(path, format string, args ...any) {
	b.items = append(b.items, Item{path, fmt.Sprintf(format, args...)})
}

// directory finds a directory, nil if it is missing or something else, which is refused.
func (b *bootEntries) directory(path string) *canon.Node {
	dir, wrong := walk(b.root, path)
	if wrong != "" {
		b.add(path, "composefs-rs looks for entries there, and %s", wrong)
	}
	return dir
}

// walk goes from the root to a directory, and says what is in the way if there is anything.
func walk(root *canon.Node, path string) (dir *canon.Node, wrong string) {
	dir = root
	for name := range strings.SplitSeq(path, "/") {
		if name == "" || name == "." {
			continue
		}
		e := dir.Child(name)
		if e == nil {
			return nil, ""
		}
		if e.Node.Kind != canon.Directory {
			return nil, fmt.Sprintf("%q is a %v, not a directory", name, e.Node.Kind)
		}
		dir = e.Node
	}
	return dir, ""
}

func (b *bootEntries) loaderEntries() {
	dir := b.directory(entriesDir)
	if dir == nil {
		return
	}
	for _, e := range dir.Children() {
		path := entriesDir + "/" + e.Name
		b.others = b.others || strings.HasSuffix(e.Name, ".conf")
		switch {
		case !strings.HasSuffix(e.Name, ".conf"):
		case e.Node.Kind != canon.Regular:
			b.add(path, "it is a %v, not a file", e.Node.Kind)
		default:
			b.loaderEntry(path, e.Node)
		}
	}
}

func (b *bootEntries) loaderEntry(path string, n *canon.Node) {
	var content []byte
	if c := n.Content; c != nil && n.Size > 0 {
		if content = c.Inline; content == nil {
			content = c.Held
		}
		if content == nil {
			b.add(path, "it is too large to be looked into")
			return
		}
	}
	if !utf8.Valid(content) {
		b.add(path, "it is not UTF-8")
		return
	}
	for _, key := range []string{"linux", "initrd", "efi"} {
		for line := range strings.SplitSeq(string(content), "\n") {
			rest, found := strings.CutPrefix(line, key)
			if !found || rest == "" || !strings.ContainsRune(" \t\n\f\r", rune(rest[0])) {
				continue
			}
			if file := strings.TrimLeftFunc(rest, unicode.IsSpace); b.lacks(file) {
				b.add(path, "its line %s names %q, which is no file in the image (the path is from the root, not from /boot)", key, file)
			}
		}
	}
}

// lacks says that composefs-rs does not find a regular file at a path.
func (b *bootEntries) lacks(path string) bool {
	components := strings.Split(path, "/")
	if components[0] == "." || slices.Contains(components, "..") {
		return true
	}
	components = slices.DeleteFunc(components, func(c string) bool { return c == "" || c == "." })
	if len(components) == 0 {
		return true
	}
	last := len(components) - 1
	dir, _ := walk(b.root, strings.Join(components[:last], "/"))
	if dir == nil {
		return true
	}
	e := dir.Child(components[last])
	return e == nil || e.Node.Kind != canon.Regular
}

// programs looks for EFI programs below a directory.
func (b *bootEntries) programs(path string) {
	if dir := b.directory(path); dir != nil {
		b.programsIn(dir, path)
	}
}

func (b *bootEntries) programsIn(dir *canon.Node, path string) {
	for _, e := range dir.Children() {
		path := path + "/" + e.Name
		switch {
		case e.Node.Kind == canon.Directory:
			b.programsIn(e.Node, path)
		case !strings.HasSuffix(e.Name, ".efi"):
		case e.Node.Kind != canon.Regular:
			b.add(path, "it is a %v, not a file", e.Node.Kind)
		default:
			b.others = b.others || !strings.HasSuffix(e.Name, ".addon.efi")
		}
	}
}

// modules looks at kernels and what is beside them.
func (b *bootEntries) modules() {
	dir := b.directory(modulesDir)
	if dir == nil {
		return
	}
	for _, e := range dir.Children() {
		path := modulesDir + "/" + e.Name
		if e.Node.Kind != canon.Directory {
			continue
		}
		b.programsIn(e.Node, path)
		if kernel := e.Node.Child("vmlinuz"); kernel != nil && kernel.Node.Kind == canon.Regular {
			b.others = true
			if !utf8.ValidString(e.Name) {
				b.add(path, "the kernel's version is not UTF-8")
			}
		}
	}
}

// aboot looks at payloads for the partitions of Android's boot loaders, of which there may be
// one, and then nothing else to boot. Their content is not looked at.
func (b *bootEntries) aboot() {
	boot, _ := walk(b.root, "/boot")
	if boot == nil {
		return
	}
	payloads := 0
	for _, e := range boot.Children() {
		path := "/boot/" + e.Name
		if version, found := kernelVersion(e.Name, "vbmeta-"); found && boot.Child("aboot-"+version+".img") == nil {
			b.add(path, "there is no aboot-%s.img that it belongs to", printable.Text(version))
		}
		version, found := kernelVersion(e.Name, "aboot-")
		if !found {
			continue
		}
		payloads++
		switch {
		case version == "" || !utf8.ValidString(version):
			b.add(path, "the kernel's version is missing or not UTF-8")
		case e.Node.Kind != canon.Regular:
			b.add(path, "it is a %v, not a file", e.Node.Kind)
		case payloads > 1:
			b.add(path, "it is not the only payload of aboot")
		case b.others:
			b.add(path, "there is something else to boot besides it")
		}
	}
}

// kernelVersion is that in the name of an image of a kind for Android's boot loaders.
func kernelVersion(name, kind string) (version string, found bool) {
	if version, found = strings.CutPrefix(name, kind); !found {
		return "", false
	}
	return strings.CutSuffix(version, ".img")
}
