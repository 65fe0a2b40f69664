package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/compression"
)

// comparison is a case against other programs.
type comparison struct {
	name string
	// commands gives the arguments of cfsverify, and the other commands.
	commands func(in *inputs) (args []string, others [][]string, err error)
	// self says that the first command is one of this program, which calls a library of
	// cfsverify.
	self bool
	// same says that the other programs must print what cfsverify prints.
	same bool
	// mostCPU, if not 0, is how much CPU time of the other's cfsverify may take.
	mostCPU float64
}

// likeMkcomposefs are the arguments of a command that makes mkcomposefs' image.
func likeMkcomposefs(command string, more ...string) []string {
	return append([]string{command, "--policy", "raw", "--hash", "sha256", "--erofs-version", "0"}, more...)
}

var comparisons = []comparison{
	{name: "digest dir:debian", same: true, commands: func(in *inputs) ([]string, [][]string, error) {
		root, err := in.debianRoot()
		return likeMkcomposefs("digest", "--hardlinks", "break", "dir:"+root),
			[][]string{{"mkcomposefs", "--print-digest-only", root}}, err
	}},
	{name: "digest dir:million", same: true, commands: func(in *inputs) ([]string, [][]string, error) {
		root, err := in.millionFiles()
		return likeMkcomposefs("digest", "dir:"+root),
			[][]string{{"mkcomposefs", "--print-digest-only", root}}, err
	}},
	{name: "digest dump:64000", same: true, commands: func(in *inputs) ([]string, [][]string, error) {
		dump, err := in.dump(64_000)
		return likeMkcomposefs("digest", "dump:"+dump),
			[][]string{{"mkcomposefs", "--print-digest-only", "--from-file", dump}}, err
	}},
	{name: "mkfs dump:64000", commands: func(in *inputs) ([]string, [][]string, error) {
		dump, err := in.dump(64_000)
		return likeMkcomposefs("mkfs", "dump:"+dump, in.path("cfsverify.cfs")),
			[][]string{{"mkcomposefs", "--from-file", dump, in.path("mkcomposefs.cfs")}}, err
	}},
	layersCase("digest oci, 1 gzip layer", 1, "gzip", "sha512"),
	layersCase("digest oci, 1 gzip layer, sha256", 1, "gzip", "sha256"),
	layersCase("digest oci, 4 gzip layers", 4, "gzip", "sha512"),
	layersCase("digest oci, 4 gzip layers, sha256", 4, "gzip", "sha256"),
	layersCase("digest oci, 1 zstd layer", 1, "zstd", "sha512"),
	layersCase("digest oci, 4 zstd layers", 4, "zstd", "sha512"),
	{name: "inside-vs-outside", commands: func(in *inputs) ([]string, [][]string, error) {
		root, err := in.debianRoot()
		if err != nil {
			return nil, nil, err
		}
		image, _, err := in.image(1, "gzip")
		return []string{"inside-vs-outside", "dir:" + root, "oci:" + image},
			[][]string{{"cfsverify", "digest", "dir:" + root}, {"cfsverify", "digest", "oci:" + image}}, err
	}},
	{name: "digest containers-storage", same: true, mostCPU: 0.3, commands: func(in *inputs) ([]string, [][]string, error) {
		image, store, err := in.stored()
		const export = `skopeo --insecure-policy copy --quiet "$1" "oci:$2" && umount "$3/overlay" && "$0" digest "oci:$2" && rm -r "$2"`
		return []string{"digest", image}, [][]string{{"sh", "-c", export, "cfsverify", image, in.path("exported"), store}}, err
	}},
	{name: "unpacked view of 3 layers", self: true, same: true, commands: func(in *inputs) ([]string, [][]string, error) {
		dirs, err := in.layerDirs(3)
		if err != nil {
			return nil, nil, err
		}
		self, err := os.Executable()
		return append([]string{"unpacked"}, dirs...), [][]string{append([]string{self, "mounted"}, dirs...)}, err
	}},
}

// layersCase compares the digest of an image with the decompression of its
// layers alone, as many at a time as there are CPUs.
func layersCase(name string, layers int, compressed compression.Compression, hash string) comparison {
	return comparison{name: name, commands: func(in *inputs) ([]string, [][]string, error) {
		image, blobs, err := in.image(layers, compressed)
		if err != nil {
			return nil, nil, err
		}
		self, err := os.Executable()
		return []string{"digest", "--hash", hash, "oci:" + image}, [][]string{append([]string{self, "decompress"}, blobs...)}, err
	}}
}

func (c comparison) run(ctx context.Context, in *inputs, program string, runs int) error {
	args, others, err := c.commands(in)
	if err != nil {
		return err
	}
	first := program
	if c.self {
		if first, err = os.Executable(); err != nil {
			return err
		}
	}
	commands := [][]string{append([]string{first}, args...)}
	for _, other := range others {
		for i := range other {
			if other[i] == "cfsverify" {
				other[i] = program
			}
		}
		if _, err := exec.LookPath(other[0]); err != nil {
			row(c.name, "skipped: "+other[0]+" is not installed", "", "", "", "")
			return nil
		}
		commands = append(commands, other)
	}
	medians, err := inTurn(ctx, runs, commands...)
	if err != nil {
		return err
	}
	for i, m := range medians {
		if c.same && strings.TrimSpace(m.out) != strings.TrimSpace(medians[0].out) {
			return fmt.Errorf("%q prints %q, cfsverify %q", commands[i], m.out, medians[0].out)
		}
		if cpu := float64(medians[0].cpu) / float64(m.cpu); i > 0 && c.mostCPU > 0 && cpu > c.mostCPU {
			return fmt.Errorf("cfsverify takes %.2f of the CPU time of %q, more than %.2f", cpu, commands[i], c.mostCPU)
		}
		ratio := ""
		if i > 0 {
			ratio = fmt.Sprintf("%.2f", float64(medians[0].wall)/float64(m.wall))
		}
		label := "`cfsverify`"
		if i > 0 || c.self {
			label = labelOf(commands[i], program)
		}
		row(c.name, label, seconds(m.wall), seconds(m.cpu), fmt.Sprintf("%.1f", float64(m.peak)/(1<<20)), ratio)
	}
	return nil
}

// labelOf is a command up to the first path of this machine.
func labelOf(args []string, program string) string {
	name := filepath.Base(args[0])
	if args[0] == program {
		name = "cfsverify"
	}
	words := []string{name}
	for _, a := range args[1:] {
		source, path, found := strings.Cut(a, "/")
		words = append(words, source)
		if found && path != "" {
			words[len(words)-1] += "…"
			break
		}
	}
	return "`" + strings.Join(words, " ") + "`"
}

// growth is a case that is run for more and more entries.
type growth struct {
	name    string
	entries []int
	// source makes the input and gives the arguments of cfsverify, and how many
	// bytes of names and xattrs it has.
	source func(in *inputs, entries int) (args []string, names int64, err error)
}

// At so many entries memory is held to so many bytes an entry.
const (
	memoryEntries = 1_000_000
	memoryMost    = 400
)

var growths = []growth{
	{"dump", []int{10_000, 100_000, 500_000, 1_000_000, 2_000_000}, func(in *inputs, n int) ([]string, int64, error) {
		dump, err := in.dump(n)
		return []string{"digest", "--policy", "raw", "--hash", "sha256", "dump:" + dump}, dumpNames(n), err
	}},
	{"tar", []int{10_000, 100_000, 1_000_000, 2_000_000}, func(in *inputs, n int) ([]string, int64, error) {
		file, err := in.manyTar(n)
		return []string{"digest", "--policy", "raw", "tar:" + file}, manyPaths(n), err
	}},
	{"dir", []int{1_000_000}, func(in *inputs, n int) ([]string, int64, error) {
		root, err := in.millionFiles()
		return []string{"digest", "--policy", "raw", "dir:" + root}, manyNames(n), err
	}},
	{"file of 10 GiB", []int{1}, func(in *inputs, n int) ([]string, int64, error) {
		file, err := in.bigTar()
		return []string{"digest", "--policy", "raw", "--hash", "sha256", "tar:" + file}, 0, err
	}},
}

func (g growth) run(ctx context.Context, in *inputs, program string, runs int) error {
	small, err := in.manyTar(1)
	if err != nil {
		return err
	}
	for _, n := range g.entries {
		args, names, err := g.source(in, n)
		if err != nil {
			return err
		}
		medians, err := inTurn(ctx, runs, append([]string{program}, args...), []string{program, "digest", "--policy", "raw", "tar:" + small})
		if err != nil {
			return err
		}
		m, least := medians[0], medians[1]
		size, names := (m.peak-least.peak)/int64(n), names/int64(n)
		row(g.name, fmt.Sprint(n), seconds(m.wall), fmt.Sprintf("%.2f", float64(m.wall.Microseconds())/float64(n)),
			fmt.Sprint(size), fmt.Sprint(names))
		if n == memoryEntries && size-names > memoryMost {
			return fmt.Errorf("an entry takes %d bytes beside names and xattrs, more than %d", size-names, memoryMost)
		}
	}
	return nil
}
