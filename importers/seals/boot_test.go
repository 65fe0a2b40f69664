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

// layerOf writes a layer that has the directories where images have what is booted.
func layerOf(t *testing.T, spec string) source.Source {
	t.Helper()
	file := filepath.Join(t.TempDir(), "layer.tar")
	dirs := "d boot\nd boot/EFI\nd boot/EFI/Linux\nd boot/loader\nd boot/loader/entries\nd boot/loader/addons\nd usr\nd tmp\n"
	if err := os.WriteFile(file, layers.Tar(dirs+spec), 0o644); err != nil {
		t.Fatal(err)
	}
	return source.Source{Transport: source.Tar, Layers: []string{file}}
}

// ukiEntry is an entry for a kernel image with a digest of one digit.
func ukiEntry(path, digit string) string {
	return fmt.Sprintf("f %s %q\n", path, "="+string(uki.File([2]string{".linux", "kernel"}, [2]string{".cmdline", "composefs=" + hexOf(digit)})))
}

// TestDisputedUKIs: a kernel image that composefs-rs finds with other content, or not, has no
// seal that is good, though the digest for booting is that of both sets of layer rules.
func TestDisputedUKIs(t *testing.T) {
	const os, disputed = "boot/EFI/Linux/os.efi", ": by the layer rules that were not chosen the image has another file there, or none: tools disagree about what is booted"
	hidden := func(entry string) string { return fmt.Sprintf("d tmp size=%d\n", len(layers.Tar(entry))-1024) + entry }
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"the same":               {ukiEntry(os, "1") + hidden("f tmp/x =x"), []string{"uki /boot/EFI/Linux/os.efi composefs = 1…"}},
		"other content":          {ukiEntry(os, "1") + hidden(ukiEntry(os, "2")), []string{"uki /boot/EFI/Linux/os.efi" + disputed}},
		"removed":                {ukiEntry(os, "1") + ukiEntry("boot/EFI/Linux/a.efi", "2") + "f boot/EFI/Linux/.wh.os.efi", []string{"uki /boot/EFI/Linux/a.efi composefs = 2…", "uki /boot/EFI/Linux/os.efi" + disputed}},
		"there only by OCI":      {hidden(ukiEntry(os, "1")), []string{"uki /boot/EFI/Linux/os.efi" + disputed}},
		"only in composefs-rs":   {ukiEntry(os, "1") + fmt.Sprintf("d usr size=512\nf tmp/x %q\n", "="+string(layers.Tar("f boot/loader/addons/a.addon.efi")[:512])), []string{"uki /boot/EFI/Linux/os.efi composefs = 1…", "uki /boot/loader/addons/a.addon.efi" + disputed}},
		"a file and a directory": {ukiEntry(os, "1") + hidden("d "+os), []string{"uki /boot/EFI/Linux/os.efi" + disputed}},
	} {
		t.Run(name, func(t *testing.T) { checkSeals(t, layerOf(t, c.spec), c.want...) })
	}
}

// TestLoaderEntries: bootc installs no kernel image if there is an entry of the boot loader.
func TestLoaderEntries(t *testing.T) {
	const efi, entry = "boot/EFI/Linux/os.efi", ": bootc installs this entry of the boot loader, whose command line nothing seals, in place of the unified kernel images: remove it"
	sealed := "uki /" + efi + " composefs = 1…"
	for spec, want := range map[string][]string{
		"f boot/loader/entries/a.conf =x\n" + ukiEntry(efi, "1"):  {sealed, "loader-entry /boot/loader/entries/a.conf" + entry},
		"l boot/loader/entries/a.conf ->x\n" + ukiEntry(efi, "1"): {sealed, "loader-entry /boot/loader/entries/a.conf" + entry},
		"f boot/loader/entries/a.conf\n":                          nil,
		ukiEntry(efi, "1") + fmt.Sprintf("d boot size=512\nf boot/x %q\n", "="+string(layers.Tar("f boot/loader/entries/a.conf")[:512])):          {sealed, "loader-entry /boot/loader/entries/a.conf" + entry},
		"f boot/loader/entries/a\nf boot/loader/a.conf\nd boot/loader/entries/b.conf\nf boot/loader/entries/b.conf/c.conf\n" + ukiEntry(efi, "1"): {sealed},
	} {
		t.Run(strings.SplitN(spec, "\n", 2)[0], func(t *testing.T) { checkSeals(t, layerOf(t, spec), want...) })
	}
}
