package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/oracle"
	"cfsverify/testdata/qemu"
)

// ukiPath is where the build puts the kernel.
const ukiPath = "/boot/EFI/Linux/debian.efi"

// TestSealedImage is issue 34 of composefs-rs as a whole: a build seals its own
// image in the kernel that it puts into it. Outside, the image is what the kernel
// wants, and no more so after a file is changed in a later layer.
func TestSealedImage(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a Debian image and boots it: not with -short")
	}
	oracle.Root(t)
	for tool, pkg := range map[string]string{"buildah": "buildah", "skopeo": "skopeo", "mmdebstrap": "mmdebstrap", "objcopy": "binutils"} {
		oracle.Tool(t, tool, pkg)
	}
	b := newBuild(t)
	b.sealedImage()
	uki := filepath.Join(b.mount("localhost/final:latest"), ukiPath)
	final, changed := "oci:"+b.layout+":final", "oci:"+b.layout+":changed"
	karg := strings.TrimSpace(b.cfsverify(t, statusSame, "digest", "--karg", final))
	want := qemu.Cmdline + " " + karg

	t.Run("the kernel has the digest of the layers", func(t *testing.T) {
		if got := b.ukiCmdline(uki); got != want {
			t.Errorf("the kernel has %q, want %q", got, want)
		}
	})
	t.Run("a change changes it", func(t *testing.T) {
		if got := b.cfsverify(t, statusSame, "digest", "--karg", changed); strings.TrimSpace(got) == karg {
			t.Errorf("%s is what it was", got)
		}
	})
	t.Run("seal check", func(t *testing.T) {
		wantText(t, b.cfsverify(t, statusSame, "seal", "check", final), "SEALED", "uki "+ukiPath)
		wantText(t, b.cfsverify(t, statusDifferent, "seal", "check", changed), "WRONG", "uki "+ukiPath, "/etc/issue", "layer 4")
	})
	t.Run("with an SELinux policy", func(t *testing.T) { checkLabelled(t, b) })
	t.Run("the kernel boots with it", func(t *testing.T) {
		oracle.Tool(t, "qemu-system-x86_64", "qemu-system-x86")
		got := qemu.Boot(t, qemu.Firmware(t, map[string]string{qemu.BootProgram: uki})...)
		if diff := cmp.Diff([]string{"cmdline: " + want}, got); diff != "" {
			t.Errorf("wanted (-), in the guest (+): %s", diff)
		}
	})
}

// sealedImage builds the sealed image and the one with a change, and exports
// both.
func (b *build) sealedImage() {
	context := filepath.Join(b.dir, "context")
	uki := filepath.Join(context, "uki")
	kernel, stub := qemu.Debian(b.t), qemu.Stub(b.t)
	initramfs := qemu.Initramfs(b.t, kernel, []string{"cmdline"})
	b.command("mkdir", uki)
	for name, file := range map[string]string{
		"Containerfile": "../testdata/e2e/seal/Containerfile", "base.tar": oracle.Debian(b.t), "uki/cfsverify": b.program,
		"uki/vmlinuz": kernel.Image, "uki/initramfs": initramfs, "uki/linuxx64.efi.stub": stub,
	} {
		b.command("cp", file, filepath.Join(context, name))
	}
	size := func(name string) int64 {
		info, err := os.Stat(filepath.Join(uki, name))
		if err != nil {
			b.t.Fatal(err)
		}
		return info.Size()
	}
	arguments := qemu.ObjcopyArguments(b.t, stub, []qemu.Section{
		{Name: ".osrel", File: "/usr/lib/os-release", Size: 4096},
		{Name: ".cmdline", File: "/tmp/cmdline", Size: 4096},
		{Name: ".initrd", File: "/mnt/uki/initramfs", Size: size("initramfs")},
		{Name: ".linux", File: "/mnt/uki/vmlinuz", Size: size("vmlinuz")},
	})
	if err := os.WriteFile(filepath.Join(uki, "sections"), []byte(arguments), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.layout = filepath.Join(b.dir, "layout")
	for _, name := range []string{"final", "changed"} {
		b.buildah("bud", "--layers", "--target", name, "--tag", name, context)
		b.export(name)
	}
}

// ukiCmdline is what objcopy reads in a unified kernel image.
func (b *build) ukiCmdline(uki string) string {
	b.t.Helper()
	file := filepath.Join(b.dir, "cmdline")
	b.command("objcopy", "-O", "binary", "--only-section=.cmdline", uki, file)
	text, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimRight(string(text), "\n\x00")
}

func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}
