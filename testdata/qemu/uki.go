package qemu

import (
	"debug/pe"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/testdata/oracle"
)

// Stub is systemd's EFI stub for unified kernel images.
func Stub(tb testing.TB) string {
	tb.Helper()
	const stub = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
	if _, err := os.Stat(stub); err != nil {
		oracle.Missing(tb, stub+" is missing: install the package systemd-boot-efi")
	}
	return stub
}

// Section is one that a unified kernel image gets: its name, where objcopy finds
// its content, and how many bytes that has at most.
type Section struct {
	Name, File string
	Size       int64
}

// ObjcopyArguments make objcopy add sections behind those of an EFI stub, in
// order. Kernels go last: they may use the memory behind them.
func ObjcopyArguments(tb testing.TB, stub string, sections []Section) string {
	tb.Helper()
	f, err := pe.Open(stub)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	header, ok := f.OptionalHeader.(*pe.OptionalHeader64)
	if !ok {
		tb.Fatalf("%s is not for a machine of 64 bits", stub)
	}
	var end uint64
	for _, s := range f.Sections {
		end = max(end, header.ImageBase+uint64(s.VirtualAddress)+uint64(s.VirtualSize))
	}
	// Stubs are linked with less than a page at times.
	align := max(uint64(header.SectionAlignment), 4096)
	var lines strings.Builder
	for _, s := range sections {
		at := (end + align - 1) / align * align
		fmt.Fprintf(&lines, "--add-section %s=%s --change-section-vma %[1]s=%#[3]x\n", s.Name, s.File, at)
		end = at + uint64(s.Size)
	}
	return lines.String()
}

// BootProgram is what firmware boots of a disk.
const BootProgram = "EFI/BOOT/BOOTX64.EFI"

// Firmware are the arguments that boot a disk of these files, by their paths, with OVMF.
func Firmware(tb testing.TB, files map[string]string) []string {
	tb.Helper()
	disk := filepath.Join(tb.TempDir(), "esp")
	for path, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		path = filepath.Join(disk, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return append(firmware(tb),
		"-drive", "if=none,id=esp,format=raw,readonly=on,file=fat:"+disk,
		"-device", "virtio-blk-pci,drive=esp,bootindex=0",
	)
}

// FirmwareOptions are the arguments that boot an EFI program with OVMF, which passes load
// options to it.
func FirmwareOptions(tb testing.TB, program, options string) []string {
	tb.Helper()
	return append(firmware(tb), "-kernel", program, "-append", options)
}

func firmware(tb testing.TB) []string {
	tb.Helper()
	const code, vars = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
	content, err := os.ReadFile(vars)
	if err != nil {
		oracle.Missing(tb, vars+" is missing: install the package ovmf")
	}
	own := filepath.Join(tb.TempDir(), "vars")
	if err := os.WriteFile(own, content, 0o600); err != nil {
		tb.Fatal(err)
	}
	return []string{
		"-drive", "if=pflash,format=raw,readonly=on,file=" + code,
		"-drive", "if=pflash,format=raw,file=" + own,
	}
}
