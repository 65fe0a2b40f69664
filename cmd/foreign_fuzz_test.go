package cmd

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostileSources are the sources of hostileInputs; TEXT is the text itself, NAME the text
// as a name in the working directory.
var hostileSources = []string{
	"oci:layout", "oci:layout:TEXT", "oci:layout:1", "oci-archive:oci.tar", "docker-archive:docker.tar", "docker-archive:docker.tar:TEXT", "tar:layer.tar",
	"dump:tree.dump", "dir:root", "dir:NAME", "NAME", "NAME:TEXT", "docker://localhost:no-port/TEXT", "REGISTRY", "erofs:tree.dump", "dump:rules.yaml", "oci:root", "tar:NAME,NAME",
}

// hostileCommands are what is done with SOURCE.
var hostileCommands = []string{
	"digest SOURCE", "digest --bootable SOURCE", "digest --karg --for bootc,composefs-rs SOURCE", "digest --policy raw --layer-rules composefs-rs SOURCE",
	"lint SOURCE", "lint --output json SOURCE", "lint --output markdown --severity style SOURCE", "lint --output junit SOURCE", "lint --output html SOURCE", "lint --allow rules.yaml SOURCE",
	"diff --verbose --policy raw SOURCE dir:root", "diff SOURCE tar:layer.tar", "diff --policy raw --output json SOURCE dir:root", "diff --output markdown SOURCE dir:root", "diff --output junit SOURCE dir:root",
	"diff --output html SOURCE dir:root", "diff --allow rules.yaml SOURCE dir:root", "diff --fail-on TEXT SOURCE dir:root", "diff --report TEXT=NAME SOURCE dir:root",
	"diff --raw SOURCE oci:layout", "diff --raw --output json SOURCE docker-archive:docker.tar", "diff --bootable --show-masked tree.dump SOURCE",
	"predict SOURCE", "predict --output json SOURCE", "predict --engine TEXT SOURCE", "inside-vs-outside dump:tree.dump SOURCE", "inside-vs-outside dir:root SOURCE",
	"identify --digest " + zeros + " SOURCE", "identify --digest TEXT SOURCE",
	"seal check SOURCE", "seal check --output json SOURCE", "seal check --output markdown SOURCE", "seal check --output junit SOURCE", "seal check --output html SOURCE",
	"seal check --uki a.efi --cmdline cmdline --inside tree.dump SOURCE", "seal check --trust cert.pem SOURCE", "seal check --expect TEXT --cmdline TEXT SOURCE", "seal check --uki NAME SOURCE",
	"seal write --label --annotations --artifact -o oci:layout:2 SOURCE", "seal write --label -o oci:NAME SOURCE", "repair -o oci:out:1 SOURCE", "repair -o oci:NAME:TEXT SOURCE",
	"mkfs SOURCE NAME", "mkfs --objects NAME SOURCE out.erofs", "tar -o NAME SOURCE", "dump -o NAME SOURCE", "digest --platform TEXT SOURCE", "digest --platform linux/TEXT SOURCE",
	"digest --for TEXT SOURCE", "digest --policy TEXT SOURCE", "digest --timeout TEXT SOURCE", "digest --TEXT SOURCE", "TEXT", "help TEXT", "seal TEXT", "digest SOURCE NAME",
	"digest --max-entries TEXT SOURCE", "lint --color TEXT SOURCE",
}

var zeros = strings.Repeat("0", 128)

// ownCommand is an annotation of ours; ownLine begins each line on stderr.
var (
	ownCommand = regexp.MustCompile(`^::(error|warning|notice) title=cfsverify%3A [^\x00-\x1f]*::`)
	anyCommand = regexp.MustCompile(`^\s*::|##[A-Za-z]*\[`)
	ownLine    = regexp.MustCompile(`^(cfsverify: |  |::)`)
)

// FuzzForeignText: whatever text a foreign field holds, what is printed has nothing in it
// that a terminal acts on, and nothing but our own annotations that GitHub Actions do.
func FuzzForeignText(f *testing.F) {
	texts := []string{
		"\n::error title=x::y", "x\n  ::add-mask::y", "\x1b[2J\x1b]0;x\a", "\u202ex\u2066\u200b", "\u2028\u2029\u0085\u009b31m", "\xff\xfe\xc3", "##[add-mask]x", "x##[error]y",
		"::stop-commands::x", "\r::error::x", "a\nb\n\nc", "%0A::error::x", "a\tb", "|`x`|\n# y", "]]>\x1b", "</script>\n::error::x", "a/\x1b/b", "\\x1b", `"`,
	}
	step := 9
	if testing.Short() {
		step = 60
	}
	for command := range hostileCommands {
		for source := range hostileSources {
			if (command+source)%step == 0 {
				f.Add([]byte(texts[(command+source*3)%len(texts)]), uint64(1)<<((command*7+source*5)%64), uint8(source), uint8(command))
			}
		}
	}
	// The name of a kernel image, in an annotation.
	f.Add([]byte("##[add-mask]x"), uint64(1)<<5, uint8(2), uint8(13))
	for i, text := range texts {
		for source := range 81 / step {
			f.Add([]byte(text), ^uint64(0)>>(7*source)<<(3*source), uint8(source), uint8(i*3+source))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, where uint64, source, command uint8) {
		if len(text) > 2000 {
			t.Skip()
		}
		t.Chdir(t.TempDir())
		t.Setenv("GITHUB_ACTIONS", "true")
		t.Setenv("HOME", t.TempDir())
		h := &hostileInputs{T: t, text: string(text), where: where}
		h.write()
		name := hostileSources[int(source)%len(hostileSources)]
		if name == "REGISTRY" {
			name = h.registry()
		}
		// A command must not read or write anything else.
		h.where = ^uint64(0)
		inName := strings.NewReplacer("NAME", h.name("odd"), "TEXT", h.text)
		var args []string
		for arg := range strings.FieldsSeq(hostileCommands[int(command)%len(hostileCommands)]) {
			args = append(args, inName.Replace(strings.ReplaceAll(arg, "SOURCE", name)))
		}
		h.run(args)
	})
}

// run runs a command, and looks at what it prints.
func (h *hostileInputs) run(args []string) {
	var outputs [2]*os.File
	for i, name := range []string{"stdout", "stderr"} {
		var err error
		if outputs[i], err = os.Create(h.TempDir() + "/" + name); err != nil {
			h.Fatal(err)
		}
		defer outputs[i].Close()
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		h.Fatal(err)
	}
	defer null.Close()
	Main(args, Streams{In: null, Out: outputs[0], Err: outputs[1]})
	for _, output := range outputs {
		data, err := os.ReadFile(output.Name())
		if err != nil {
			h.Fatal(err)
		}
		for line := range strings.SplitSeq(string(data), "\n") {
			switch {
			case !utf8.ValidString(line), strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }):
				h.Errorf("%q prints %q", args, line)
			case anyCommand.MatchString(ownCommand.ReplaceAllString(line, "")):
				h.Errorf("%q prints the command %q", args, line)
			case output == outputs[1] && line != "" && !ownLine.MatchString(line):
				h.Errorf("%q prints the foreign line %q", args, line)
			}
		}
	}
}
