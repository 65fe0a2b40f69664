package seal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// CmdlineMax is how many bytes a kernel of x86 or arm64 keeps of its command line:
// COMMAND_LINE_SIZE, without the NUL at its end (Linux 6.12,
// arch/x86/include/asm/setup.h and arch/arm64/include/uapi/asm/setup.h).
const CmdlineMax = 2047

// Kargs finds the seals in the arguments of a kernel command line, in their order, which
// is that in which composefs-setup-root tries them. They have no Place. kept is how many
// bytes the kernel keeps of the command line: an argument that ends behind them has Err.
// Of a command line that programs read in different ways it gives one seal, with Err.
func Kargs(cmdline string, kept int) []Seal {
	cmdline = strings.TrimRight(cmdline, "\x00")
	switch {
	case strings.Contains(cmdline, "\x00"):
		return []Seal{{Err: errors.New("its command line has a NUL byte, behind which systemd-stub reads nothing")}}
	case !utf8.ValidString(cmdline):
		return []Seal{{Err: errors.New("its command line is not UTF-8, which systemd-stub leaves out and composefs-rs refuses")}}
	}
	if slices.ContainsFunc(splitCmdline(stubText(cmdline)), argument.isQuotedDigest) {
		return []Seal{{Err: errors.New("its command line has composefs= in quotes, which a booted bootc reads as if they were not there and the initramfs does not: leave them out")}}
	}
	seals := composefsArguments(stubText(cmdline), kept)
	if !slices.EqualFunc(seals, composefsArguments(cmdline, kept), sameArgument) {
		return []Seal{{Err: errors.New("its command line has control characters or characters above U+FFFF, which systemd-stub turns into spaces or leaves out: the kernel gets other composefs arguments than composefs-rs reads there: remove them")}}
	}
	return seals
}

// stubText is what systemd-stub passes of a command line (src/boot: mangle_stub_cmdline in
// util.c, xstrn8_to_16 in efi-string.c). Releases before 257 keep U+007F.
func stubText(cmdline string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c < ' ' || c == 0x7f:
			return ' '
		case c > 0xffff:
			return -1
		}
		return c
	}, cmdline)
}

func composefsArguments(cmdline string, kept int) []Seal {
	var seals []Seal
	for _, a := range splitCmdline(cmdline) {
		var s Seal
		s.Key, s.Value, _ = strings.Cut(a.text, "=")
		switch s.Key + "=" {
		case digestKarg:
			s.Claim, s.Err = parseDigestKarg(s.Value)
		case legacyKarg:
			s.Claim, s.Err = parseLegacyKarg(s.Value)
		default:
			continue
		}
		if s.Err == nil && a.end > kept {
			s.Err = fmt.Errorf("it ends at byte %d of the command line, of which the kernel keeps %d: move it to the front, or shorten what is before it", a.end, kept)
		}
		seals = append(seals, s)
	}
	return seals
}

func sameArgument(a, b Seal) bool { return a.Key == b.Key && a.Value == b.Value }

// CmdlineSeals is Kargs for a command line that must have a seal: if there is none,
// it gives one with Err, that says so.
func CmdlineSeals(cmdline string, kept int) []Seal {
	if seals := Kargs(cmdline, kept); seals != nil {
		return seals
	}
	return []Seal{{Err: errors.New("its command line has no composefs digest")}}
}

// argument is one of a command line, where it ends in bytes of it.
type argument struct {
	text string
	end  int
}

// isQuotedDigest says that an argument is composefs= with a quote before it, which the crate
// linux-kernel-cmdline takes away and composefs-rs does not.
func (a argument) isQuotedDigest() bool {
	unquoted, is := strings.CutPrefix(a.text, `"`)
	key, _, _ := strings.Cut(unquoted, "=")
	return is && strings.TrimSuffix(key, `"`) == LegacyKey
}

// splitCmdline splits at white space outside of double quotes, which cannot be
// escaped, as composefs-rs does (split_cmdline). The kernel does the same, but
// splits at vertical tabs too.
func splitCmdline(cmdline string) []argument {
	var list []argument
	quoted, start := false, 0
	end := func(i int) {
		if i > start {
			list = append(list, argument{cmdline[start:i], i})
		}
		start = i + 1
	}
	for i, c := range []byte(cmdline) {
		switch c {
		case '"':
			quoted = !quoted
		case ' ', '\t', '\n', '\f', '\r':
			if !quoted {
				end(i)
			}
		}
	}
	end(len(cmdline))
	return list
}
