package notes_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cfsverify/compare/notes"
	"cfsverify/importers"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/uki"
)

const base = "d . mode=755\nd boot\nd boot/loader\nd boot/loader/entries\nd sysroot\nd usr\nd usr/lib\nd usr/lib/modules\nd usr/lib/modules/6.1\n" +
	"f usr/lib/modules/6.1/vmlinuz =k\nl link ->usr\n"

const noKernel = "f usr/lib/modules/6.1/.wh.vmlinuz\nd boot/loader/addons\n"

// aboot is the content of a payload.
var aboot = strconv.Quote("=" + string(uki.File([2]string{".linux", "kernel"}, [2]string{".initrd", "initrd"})))

// bootCases are layers on top of base, and the path that a note is about, empty for none.
var bootCases = map[string][2]string{
	"nothing":                       {"", ""},
	"a good entry":                  {`f boot/loader/entries/a.conf ="title x\nlinux /usr/lib/modules/6.1/vmlinuz\ninitrd usr/lib/./modules/6.1//vmlinuz\n"`, ""},
	"a kernel that is missing":      {`f boot/loader/entries/a.conf ="linux /vmlinuz\n"`, "/boot/loader/entries/a.conf"},
	"relative to /boot":             {"f boot/vmlinuz =k\n" + `f boot/loader/entries/a.conf ="linux /vmlinuz\n"`, "/boot/loader/entries/a.conf"},
	"an initrd that is missing":     {`f boot/loader/entries/a.conf ="initrd\t/x\n"`, "/boot/loader/entries/a.conf"},
	"a program that is missing":     {`f boot/loader/entries/a.conf ="efi /x.efi\n"`, "/boot/loader/entries/a.conf"},
	"through a symlink":             {`f boot/loader/entries/a.conf ="linux /link/lib/modules/6.1/vmlinuz\n"`, "/boot/loader/entries/a.conf"},
	"dots":                          {`f boot/loader/entries/a.conf ="linux /usr/../usr/lib/modules/6.1/vmlinuz\n"`, "/boot/loader/entries/a.conf"},
	"a blank behind":                {`f boot/loader/entries/a.conf ="linux /usr/lib/modules/6.1/vmlinuz \n"`, "/boot/loader/entries/a.conf"},
	"CRLF":                          {`f boot/loader/entries/a.conf ="linux /usr/lib/modules/6.1/vmlinuz\r\n"`, "/boot/loader/entries/a.conf"},
	"a blank before":                {`f boot/loader/entries/a.conf =" linux /x\n"`, ""},
	"another key":                   {`f boot/loader/entries/a.conf ="linux-x /x\nlinux=/x\n"`, ""},
	"a directory as kernel":         {`f boot/loader/entries/a.conf ="linux /usr\n"`, "/boot/loader/entries/a.conf"},
	"the root as kernel":            {`f boot/loader/entries/a.conf ="linux /\n"`, "/boot/loader/entries/a.conf"},
	"an entry that is long":         {`f boot/loader/entries/a.conf ="# ` + strings.Repeat("x", 100) + `\nlinux /x\n"`, "/boot/loader/entries/a.conf"},
	"an entry that is not UTF-8":    {`f boot/loader/entries/a.conf ="\xff"`, "/boot/loader/entries/a.conf"},
	"an entry of another name":      {`f boot/loader/entries/a.cfg ="linux /x\n"`, ""},
	"an entry that is a symlink":    {"l boot/loader/entries/a.conf ->x", "/boot/loader/entries/a.conf"},
	"an entry that is a directory":  {"d boot/loader/entries/a.conf", "/boot/loader/entries/a.conf"},
	"entries that are a file":       {"f boot/loader/.wh.entries\nf boot/loader/entries =x", "/boot/loader/entries"},
	"a UKI that is a symlink":       {"d boot/EFI\nd boot/EFI/Linux\nd boot/EFI/Linux/d\nl boot/EFI/Linux/d/a.efi ->x", "/boot/EFI/Linux/d/a.efi"},
	"a directory named like a UKI":  {"d boot/EFI\nd boot/EFI/Linux\nd boot/EFI/Linux/a.efi", ""},
	"an addon that is a symlink":    {"d boot/loader/addons\nl boot/loader/addons/a.addon.efi ->x", "/boot/loader/addons/a.addon.efi"},
	"a module's UKI":                {"l usr/lib/modules/6.1/a.efi ->x", "/usr/lib/modules/6.1/a.efi"},
	"modules that are a symlink":    {"f usr/lib/.wh.modules\nl usr/lib/modules ->x", "/usr/lib/modules"},
	"a version that is not UTF-8":   {`d "usr/lib/modules/\xff"` + "\n" + `f "usr/lib/modules/\xff/vmlinuz" =k`, "/usr/lib/modules/\xff"},
	"no kernel beside such a name":  {`d "usr/lib/modules/\xff"`, ""},
	"a kernel that is a symlink":    {`d "usr/lib/modules/\xff"` + "\n" + `l "usr/lib/modules/\xff/vmlinuz" ->x`, ""},
	"aboot beside a kernel":         {"f boot/aboot-1.img " + aboot, "/boot/aboot-1.img"},
	"aboot beside an entry":         {noKernel + "f boot/aboot-1.img " + aboot + "\n" + `f boot/loader/entries/a.conf ="linux /usr/lib/modules/6.1/other\n"` + "\nf usr/lib/modules/6.1/other =k", "/boot/aboot-1.img"},
	"aboot beside an addon":         {noKernel + "f boot/aboot-1.img " + aboot + "\nf boot/loader/addons/a.addon.efi =MZ", ""},
	"aboot alone":                   {noKernel + "f boot/aboot-1.img " + aboot, ""},
	"aboot twice":                   {noKernel + "f boot/aboot-1.img " + aboot + "\nf boot/aboot-2.img " + aboot, "/boot/aboot-2.img"},
	"aboot that is a directory":     {noKernel + "d boot/aboot-1.img", "/boot/aboot-1.img"},
	"aboot without a version":       {noKernel + "f boot/aboot-.img " + aboot, "/boot/aboot-.img"},
	"aboot of other names":          {"f boot/aboot.img =x\nf boot/aboot-1 =x\nf boot/vbmeta.img =x", ""},
	"vbmeta without aboot":          {"f boot/vbmeta-1.img =x", "/boot/vbmeta-1.img"},
	"an entry whose kernel is gone": {"f usr/lib/modules/6.1/.wh.vmlinuz\n" + `f boot/loader/entries/a.conf ="linux /usr/lib/modules/6.1/vmlinuz\n"`, "/boot/loader/entries/a.conf"},
}

// brokenEntries are the paths of the notes about entries of an image's boot loader.
func brokenEntries(t *testing.T, dir string) (paths []string) {
	t.Helper()
	for _, n := range notes.OfBootable(bootable(t, importers.Source{Transport: importers.OCI, Path: dir, Ref: "t"})) {
		for _, item := range n.Items {
			if n.Kind != notes.BootEntry {
				t.Errorf("%s: %s: %s", n.Kind, item.Path, item.Text)
			}
			paths = append(paths, item.Path)
		}
	}
	return paths
}

// TestBootEntries: notes are about what cfsctl refuses, and nothing else.
func TestBootEntries(t *testing.T) {
	for name, tt := range bootCases {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "image")
			if err := (layers.Image{Layers: []string{base, tt[0]}}).WriteLayout(dir, "t"); err != nil {
				t.Fatal(err)
			}
			if paths := brokenEntries(t, dir); strings.Join(paths, " ") != tt[1] {
				t.Errorf("%q, want %q", paths, tt[1])
			}
		})
	}
}

// TestBootEntriesOfCfsctl: the table says what cfsctl refuses.
func TestBootEntriesOfCfsctl(t *testing.T) {
	cfsctl := oracle.Cfsctl(t)
	dir := t.TempDir()
	run := func(args ...string) error {
		out, err := exec.Command(cfsctl, append([]string{"--repo", filepath.Join(dir, "repo")}, args...)...).CombinedOutput()
		if err != nil {
			t.Logf("%v: %v\n%s", args, err, out)
		}
		return err
	}
	if err := run("init", "--insecure"); err != nil {
		t.Fatal(err)
	}
	for name, tt := range bootCases {
		image := filepath.Join(dir, "image-"+strings.ReplaceAll(name, " ", "-"))
		if err := (layers.Image{Layers: []string{base, tt[0]}}).WriteLayout(image, "t"); err != nil {
			t.Fatal(err)
		}
		if err := run("oci", "pull", "oci:"+image+":t", filepath.Base(image)); err != nil {
			t.Fatal(err)
		}
		if err := run("oci", "compute-id", "--bootable", filepath.Base(image)); (err != nil) != (tt[1] != "") {
			t.Errorf("%s: cfsctl: %v, want a refusal: %v", name, err, tt[1] != "")
		}
	}
}
