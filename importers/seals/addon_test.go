package seals_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/importers/source"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/uki"
)

// addonFile is an addon with a command line, and with what else it has.
func addonFile(cmdline string, more ...[2]string) []byte {
	return uki.File(append([][2]string{{".cmdline", cmdline}}, more...)...)
}

// TestAddons: which addons of an image take the worth from the seals of which kernels, by
// systemd's src/boot/stub.c of release 257, and by where bootc puts addons.
func TestAddons(t *testing.T) {
	digest := "composefs=" + hexOf("1")
	kernel := func(more ...[2]string) []byte {
		return uki.File(append([][2]string{{".linux", "kernel"}, {".cmdline", "rw " + digest}}, more...)...)
	}
	const (
		boot   = "/boot/EFI/Linux/"
		global = "/boot/loader/addons/x.addon.efi"
		own    = boot + "a.efi.extra.d/x.addon.efi"
		good   = "uki " + boot + "a.efi composefs = 1…"
		added  = ": an addon adds it to the command lines of kernels, where composefs-setup-root mounts the first digest whose image it has: a digest belongs into the kernel itself"
	)
	spoiled := func(path, what string) string {
		return fmt.Sprintf("%s: the addon %q %s, so that another image than that of the digest may be mounted: remove the addon", good, path, what)
	}
	const karg = "adds composefs= to the command line"
	release := func(name string) [2]string { return [2]string{".uname", name} }
	for name, c := range map[string]struct {
		kernel []byte
		addons map[string][]byte
		want   []string
	}{
		"without":          {kernel(), map[string][]byte{global: addonFile("quiet"), own: addonFile("x.composefs=1 composefs.other=2")}, []string{good}},
		"no command line":  {kernel(), map[string][]byte{global: uki.File([2]string{".initrd", "x"})}, []string{good}},
		"for all":          {kernel(), map[string][]byte{global: addonFile("composefs=" + hexOf("2"))}, []string{spoiled(global, karg), "uki " + global + " composefs = 2…" + added}},
		"for one":          {kernel(), map[string][]byte{own: addonFile("quiet composefs.digest=v1-sha512-12:" + hexOf("2"))}, []string{spoiled(own, "adds composefs.digest= to the command line"), "uki " + own + " composefs.digest = 2…" + added}},
		"the same digest":  {kernel(), map[string][]byte{own: addonFile(digest)}, []string{spoiled(own, karg), "uki " + own + " composefs = 1…" + added}},
		"no digest":        {kernel(), map[string][]byte{own: addonFile("composefs")}, []string{spoiled(own, karg), "uki " + own + " composefs" + added}},
		"other names":      {kernel(), map[string][]byte{boot + "b.efi.Extra.D/x.ADDON.EFI": addonFile(digest)}, []string{spoiled(boot+"b.efi.Extra.D/x.ADDON.EFI", karg), "uki " + boot + "b.efi.Extra.D/x.ADDON.EFI composefs = 1…" + added}},
		"of a module":      {kernel(), map[string][]byte{"/usr/lib/modules/6/b.efi.extra.d/x.addon.efi": addonFile(digest)}, []string{spoiled("/usr/lib/modules/6/b.efi.extra.d/x.addon.efi", karg), "uki /usr/lib/modules/6/b.efi.extra.d/x.addon.efi composefs = 1…" + added}},
		"elsewhere":        {kernel(), map[string][]byte{boot + "d/a.efi.extra.d/x.addon.efi": addonFile(digest)}, []string{good, "uki " + boot + "d/a.efi.extra.d/x.addon.efi composefs = 1…" + added}},
		"no extra":         {kernel(), map[string][]byte{boot + "x.addon.efi": addonFile(digest)}, []string{good, "uki " + boot + "x.addon.efi composefs = 1…" + added}},
		"no addon":         {kernel(), map[string][]byte{boot + "a.efi.extra.d/x.efi": addonFile(digest)}, []string{good, "uki " + boot + "a.efi.extra.d/x.efi composefs = 1…"}},
		"a kernel":         {kernel(), map[string][]byte{own: kernel()}, []string{good, "uki " + own + " composefs = 1…"}},
		"no real kernel":   {kernel(), map[string][]byte{own: addonFile(digest, [2]string{".linux2", "kernel"})}, []string{spoiled(own, karg), "uki " + own + " composefs = 1…" + added}},
		"an empty kernel":  {kernel(), map[string][]byte{own: addonFile(digest, [2]string{".linux", ""})}, []string{spoiled(own, karg), "uki " + own + " composefs = 1…" + added}},
		"two releases":     {kernel(release("6.1.0")), map[string][]byte{own: addonFile(digest, release("6.2"), release("6.1.0"))}, []string{spoiled(own, karg), "uki " + own + " composefs = 1…" + added}},
		"behind a quote":   {kernel(), map[string][]byte{own: addonFile(`" ` + digest)}, []string{spoiled(own, karg), "uki " + own + " composefs = 1…" + added}},
		"two":              {kernel(), map[string][]byte{own: addonFile("quiet", [2]string{".cmdline", "debug"})}, []string{spoiled(own, "adds what cannot be told (it has 2 sections .cmdline where there is to be one: systemd-stub boots the first (release 257) or the last (254): leave one)"), "uki " + own + ": it has 2 sections .cmdline where there is to be one: systemd-stub boots the first (release 257) or the last (254): leave one"}},
		"a NUL":            {kernel(), map[string][]byte{own: addonFile("a\x00b")}, []string{spoiled(own, "adds what cannot be told (its command line has a NUL byte, behind which systemd-stub reads nothing)"), "uki " + own + ": its command line has a NUL byte, behind which systemd-stub reads nothing"}},
		"its release":      {kernel(release("6.1.0")), map[string][]byte{own: addonFile(digest, release("6.1.0"))}, []string{spoiled(own, karg), "uki " + own + " composefs = 1…" + added}},
		"a part of it":     {kernel(release("6.1.0")), map[string][]byte{own: addonFile(digest, release("6.1"))}, []string{spoiled(own, karg), "uki " + own + " composefs = 1…" + added}},
		"another release":  {kernel(release("6.1.0")), map[string][]byte{own: addonFile(digest, release("6.2"))}, []string{good, "uki " + own + " composefs = 1…" + added}},
		"a whole release":  {kernel(release("6.1.0")), map[string][]byte{own: addonFile(digest, release("6.1\x00"))}, []string{good, "uki " + own + " composefs = 1…" + added}},
		"no release":       {kernel(), map[string][]byte{own: addonFile(digest, release("6.2"))}, []string{spoiled(own, karg), "uki " + own + " composefs = 1…" + added}},
		"of one profile":   {kernel(release("6.1"), [2]string{".profile", "ID=a"}, [2]string{".profile", "ID=b"}, release("6.2")), map[string][]byte{own: addonFile(digest, release("6.2"))}, []string{"uki " + boot + "a.efi @0a composefs = 1…", strings.Replace(spoiled(own, karg), "a.efi composefs", "a.efi @1b composefs", 1), "uki " + own + " composefs = 1…" + added}},
		"a profile of its": {kernel(), map[string][]byte{own: addonFile("quiet", [2]string{".profile", ""}, [2]string{".cmdline", digest})}, []string{spoiled(own, karg), "uki " + own + " composefs = 1…" + added}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := fmt.Sprintf("f boot/EFI/Linux/a.efi %q\n", "="+string(c.kernel))
			for path, content := range c.addons {
				spec += fmt.Sprintf("f %s %q\n", strings.TrimPrefix(path, "/"), "="+string(content))
			}
			file := filepath.Join(t.TempDir(), "x.tar")
			if err := os.WriteFile(file, layers.Tar(spec), 0o644); err != nil {
				t.Fatal(err)
			}
			checkSeals(t, source.Source{Transport: source.Tar, Layers: []string{file}}, c.want...)
		})
	}
}
