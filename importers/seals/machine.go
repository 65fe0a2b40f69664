package seals

import (
	"debug/pe"

	"cfsverify/canon/seal"
)

// keptBytes is how many bytes of its command line a kernel for a machine keeps:
// COMMAND_LINE_SIZE of Linux 6.12, without the NUL at the end. The kernel's EFI stub cuts
// off at the white space before that (efi_convert_cmdline of
// drivers/firmware/efi/libstub/efi-stub-helper.c).
func keptBytes(machine uint16) int {
	switch machine {
	case pe.IMAGE_FILE_MACHINE_I386, pe.IMAGE_FILE_MACHINE_AMD64, pe.IMAGE_FILE_MACHINE_ARM64:
		return seal.CmdlineMax
	case pe.IMAGE_FILE_MACHINE_ARM, pe.IMAGE_FILE_MACHINE_THUMB, pe.IMAGE_FILE_MACHINE_ARMNT,
		pe.IMAGE_FILE_MACHINE_RISCV32, pe.IMAGE_FILE_MACHINE_RISCV64:
		// arch/arm and arch/riscv/include/uapi/asm/setup.h
		return 1024 - 1
	}
	// include/uapi/asm-generic/setup.h, which LoongArch has too.
	return 512 - 1
}
