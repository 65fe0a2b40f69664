package main

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hashes are the numbers of FS_VERITY_HASH_ALG_SHA256 and FS_VERITY_HASH_ALG_SHA512.
func hashes() map[string]uint32 { return map[string]uint32{"sha256": 1, "sha512": 2} }

// enableVerity HASH FILE: "verity", with blocks of 4096 bytes.
func enableVerity(args ...string) (string, error) {
	f, err := os.Open(args[1])
	if err != nil {
		return "", err
	}
	defer f.Close()
	arg := unix.FsverityEnableArg{Version: 1, Hash_algorithm: hashes()[args[0]], Block_size: 4096}
	return "", ioctl(f, unix.FS_IOC_ENABLE_VERITY, unsafe.Pointer(&arg))
}

// measureVerity FILE: "digest", as the kernel has it.
func measureVerity(args ...string) (string, error) {
	f, err := os.Open(args[0])
	if err != nil {
		return "", err
	}
	defer f.Close()
	// struct fsverity_digest, with room for the longest.
	var digest struct {
		algorithm, size uint16
		bytes           [64]byte
	}
	digest.size = uint16(len(digest.bytes))
	if err := ioctl(f, unix.FS_IOC_MEASURE_VERITY, unsafe.Pointer(&digest)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", digest.bytes[:digest.size]), nil
}

func ioctl(f *os.File, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
