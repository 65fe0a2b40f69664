package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// prefixed is a source with its transport, or one that is left open: a word of the help, a
// variable, or what is cut.
var prefixed = regexp.MustCompile(`^(dir:|dump:|erofs:|oci:|oci-archive:|docker-archive:|docker://|containers-storage:|docker-overlay2:|unpacked:|tar:|\$|[A-Z]+$|[A-Z]+…$|…$)`)

// TestExamplesHavePrefixes: what users copy says what its sources are, as a path alone may
// be refused for what is in it.
func TestExamplesHavePrefixes(t *testing.T) {
	files, err := filepath.Glob("help/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../testdata/e2e/*/*")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, more...)
	files = append(files, "../README.md", "../SECURITY.md", "../action.yml", "../Containerfile", "../testdata/e2e/Containerfile", "../reports/seal.go", "../testdata/example/generate.go")
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	addExamples(texts, Command())
	found := 0
	for name, text := range texts {
		for _, words := range commandsIn(text) {
			sources, known := sourcesOf(words)
			if !known {
				continue
			}
			found++
			for _, s := range sources {
				if !prefixed.MatchString(s) {
					t.Errorf("%s: cfsverify %s: %q has no transport", name, strings.Join(words, " "), s)
				}
			}
		}
		for _, input := range regexp.MustCompile(`(?m)^    (?:inside|outside): (\S+)$`).FindAllStringSubmatch(text, -1) {
			found++
			if !prefixed.MatchString(input[1]) {
				t.Errorf("%s: %q has no transport", name, input[1])
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d commands were found", found)
	}
}

func addExamples(texts map[string]string, c *cobra.Command) {
	texts["the help of "+c.CommandPath()] = c.Example
	for _, sub := range c.Commands() {
		addExamples(texts, sub)
	}
}

// commandsIn are the words after the program's name wherever a text has it, up to what ends
// a command.
func commandsIn(text string) (list [][]string) {
	text = regexp.MustCompile(`\\\n`).ReplaceAllString(text, " ")
	text = regexp.MustCompile(`", *"`).ReplaceAllString(text, " ")
	for _, m := range regexp.MustCompile("\\bcfsverify\"? ([^`\n|;&>#)\\]]*)").FindAllStringSubmatch(text, -1) {
		list = append(list, strings.Fields(strings.ReplaceAll(m[1], `"`, " ")))
	}
	return list
}

// sourcesOf are the sources of a command line, if it is one.
func sourcesOf(words []string) (sources []string, known bool) {
	c, rest, err := Command().Find(words)
	if err != nil || !c.Runnable() || c.HasSubCommands() || c.ParseFlags(rest) != nil || c.Args == nil || c.ValidateArgs(c.Flags().Args()) != nil {
		return nil, false
	}
	sources = c.Flags().Args()
	if c.Name() == "mkfs" {
		sources = sources[:1]
	}
	if insides, err := c.Flags().GetStringArray("inside"); err == nil {
		sources = append(sources, insides...)
	}
	return sources, true
}

// TestCommandsIn: what README and others write is found in all its forms.
func TestCommandsIn(t *testing.T) {
	for text, want := range map[string]string{
		"x `cfsverify digest --karg /target` y":                             "/target",
		"    [\"/cfsverify\", \"dump\", \"--output\", \"/x\", \"/target\"]": "/target",
		"$ go run ./cmd/cfsverify inside-vs-outside a b\n":                  "a b",
		"RUN a && \\\n  /run/cfsverify digest \\\n  --karg /x >y":           "/x",
		"cfsverify mkfs oci:a b.img":                                        "oci:a",
		"cfsverify seal check --inside a.dump oci:b:1":                      "oci:b:1 a.dump",
		"cfsverify repair docker://x -o oci:base:1":                         "docker://x",
	} {
		words := commandsIn(text)
		if len(words) != 1 {
			t.Fatalf("%s: %q", text, words)
		}
		if sources, known := sourcesOf(words[0]); !known || strings.Join(sources, " ") != want {
			t.Errorf("%s: %q, %v", text, sources, known)
		}
	}
}
