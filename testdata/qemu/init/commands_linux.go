package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

func loadModule(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := 0
	if !strings.HasSuffix(file, ".ko") {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	return unix.FinitModule(int(f.Fd()), "", flags)
}

// mount TYPE SOURCE TARGET [OPTIONS].
func mount(args ...string) (string, error) {
	kind, source, target := args[0], args[1], args[2]
	if err := os.MkdirAll(target, 0o755); err != nil {
		return "", err
	}
	return "", unix.Mount(source, target, kind, 0, strings.Join(args[3:], ","))
}

func umount(args ...string) (string, error) { return "", unix.Unmount(args[0], 0) }

// cmdline is the kernel's.
func cmdline(...string) (string, error) {
	text, err := os.ReadFile("/proc/cmdline")
	return strings.TrimSpace(string(text)), err
}

// read FILE gives the SHA-256 of what is read.
func read(args ...string) (string, error) {
	f, err := os.Open(args[0])
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return fmt.Sprintf("%x", h.Sum(nil)), err
}

// openForWriting FILE: "write".
func openForWriting(args ...string) (string, error) {
	f, err := os.OpenFile(args[0], os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	return "", f.Close()
}

// replace FILE puts another file in its place: its first bit is another one.
func replace(args ...string) (string, error) {
	content, err := os.ReadFile(args[0])
	if err != nil {
		return "", err
	}
	if err := os.Remove(args[0]); err != nil {
		return "", err
	}
	content[0] ^= 1
	return "", os.WriteFile(args[0], content, 0o644)
}

// flip DEVICE MOUNTPOINT FILE changes the file's first bit on the device, below
// the file system, which must be an ext4.
func flip(args ...string) (string, error) {
	device, target, file := args[0], args[1], args[2]
	offset, err := firstByte(file)
	if err != nil {
		return "", err
	}
	if _, err := umount(target); err != nil {
		return "", err
	}
	if err := flipAt(device, offset); err != nil {
		return "", err
	}
	return mount("ext4", device, target)
}

func flipAt(device string, offset int64) error {
	d, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	var b [1]byte
	if _, err := d.ReadAt(b[:], offset); err != nil {
		return err
	}
	b[0] ^= 1
	if _, err := d.WriteAt(b[:], offset); err != nil {
		return err
	}
	return d.Sync()
}

// firstByte is where a file's content begins on its device, in bytes.
func firstByte(file string) (int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return 0, err
	}
	const fibmap = 1 // FIBMAP, _IO(0, 1): the number of a block on the device
	block := int32(0)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), fibmap, uintptr(unsafe.Pointer(&block))); errno != 0 {
		return 0, errno
	}
	if block == 0 {
		return 0, fmt.Errorf("%s has no block", file)
	}
	return int64(block) * fs.Bsize, nil
}

// program FILE ARGUMENT… gives what the program prints.
func program(args ...string) (string, error) {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %q", err, out)
	}
	return strings.TrimSpace(string(out)), err
}
