package cmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cfsverify/compare/blame"
	"cfsverify/testdata/growth"
	"cfsverify/testdata/layers"
)

const (
	// growthBase is the smallest size of a shape; twice and four times that follow.
	growthBase = growth.SizeMax / 4
	// growthMost is by how much a cost may grow when a size doubles: size times its
	// logarithm takes less than 2.3 here, its square 4.
	growthMost float64 = 2.3
	// growthFloor is how often a statement runs for each thing that there is before its
	// growth matters: the logarithm of few things grows too fast.
	growthFloor = 60
	// growthTimeout ends what would not end otherwise: most takes a tenth of a second, on
	// a machine that does nothing else.
	growthTimeout = 5 * time.Minute
	// growthBytes is from how many more bytes on the growth of memory matters.
	growthBytes = 4 << 20
)

// TestGrowth: whatever an image has much of, no command takes more than its size times the
// logarithm of it. The measure is how often statements run: the program is built with
// counters, as for coverage, that also count those of Go's slices and strings. Each
// statement is looked at by itself, as a quadratic one is lost in the sum for long. What
// runs in no statement, copying, shows in the bytes that are allocated. Both are nearly the
// same in each run, which times are not; counters of the processor, which would be exact,
// are not there on virtual machines.
func TestGrowth(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program anew, and runs it for minutes")
	}
	program := filepath.Join(t.TempDir(), "measured")
	out, err := exec.Command("go", "build", "-cover", "-covermode=count", "-coverpkg=cfsverify/...,slices,strings,bytes,sort,maps,path", "-o", program, "cfsverify/testdata/growth/measured").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	covdata, err := exec.Command("go", "tool", "-n", "covdata").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range growth.Shapes() {
		t.Run(shape.Name, func(t *testing.T) {
			costs := map[string][]cost{}
			for _, n := range []int{growthBase, 2 * growthBase, 4 * growthBase} {
				g := grown{t: t, program: program, covdata: strings.TrimSpace(string(covdata)), dir: t.TempDir()}
				g.write(shape, n)
				for name, args := range commandsFor(shape) {
					costs[name] = append(costs[name], g.run(args...))
				}
				// Long documents have no spaces.
				report, err := os.ReadFile(filepath.Join(g.dir, "o.json"))
				if shape.Diff && (err != nil || !bytes.Contains(bytes.ReplaceAll(report, []byte(`": "`), []byte(`":"`)), []byte(`"cause":"`+shape.Name+`"`))) {
					t.Errorf("the shape does not have its cause: %v", err)
				}
			}
			for name, c := range costs {
				most := growthMost
				if shape.Deep {
					most *= growthMost
				}
				checkGrowth(t, name, c, most)
			}
		})
	}
}

// TestGrowthHasCauses: there is a shape for each cause, but for those that few entries can
// have or that others of the shapes have.
func TestGrowthHasCauses(t *testing.T) {
	covered := map[blame.Cause]bool{
		blame.RootMetadata: true, blame.BootNanoseconds: true, blame.OtherPolicy: true, // of few entries, or of all by one test of each
		blame.PathThroughSymlink: true, blame.UserXattr: true, blame.BuildTime: true, blame.InlineLimit: true, // of structures, and of the rule for dump-form
	}
	for _, shape := range growth.Shapes() {
		covered[blame.Cause(shape.Name)] = true
	}
	for _, cause := range blame.Causes() {
		if !covered[cause] {
			t.Errorf("no shape has the cause %s", cause)
		}
	}
}

// commandsFor are the commands by which a shape is read, compared and written.
func commandsFor(shape growth.Shape) map[string][]string {
	const image, forms = "oci:image-a:t", "--report=json=o.json --report=html=o.html --report=markdown=o.md --report=junit=o.xml -v"
	list := map[string]string{
		"diff": "diff --policy raw " + strings.Join(shape.Flags, " ") + " " + forms + " dump:scan.dump " + image,
	}
	if !shape.Diff {
		list["diff of images"] = "diff --policy raw tar:scan.tar " + image
		list["diff with masked"] = "diff --show-masked tar:scan.tar " + image
		list["diff of dumps"] = "diff dump:scan.dump dump:a.dump"
		list["raw"] = "diff --raw --output json oci:image-b:t " + image
		list["lint"] = "lint --report=json=l.json --report=html=l.html " + image
		list["repair"] = "repair " + image + " -o oci:repaired:a"
		list["tar"] = "tar -o a.tar " + image
		list["mkfs"] = "mkfs " + image + " a.erofs"
		list["erofs"] = "digest erofs:b.erofs"
		list["dump"] = "dump -o b.dump erofs:b.erofs"
		list["composefs-rs"] = "digest --layer-rules composefs-rs " + image
		for _, engine := range []string{"containers-storage", "umoci"} {
			list["predict "+engine] = "predict --output json --engine " + engine + " " + image
		}
	}
	commands := map[string][]string{}
	for name, command := range list {
		commands[name] = strings.Fields(command)
	}
	return commands
}

// grown are the files of a shape at a size.
type grown struct {
	t                     *testing.T
	program, covdata, dir string
}

func (g *grown) write(shape growth.Shape, n int) {
	g.t.Helper()
	specs := shape.Layers(n)
	scan := specs[0]
	if shape.Scan != nil {
		scan = shape.Scan(n)
	}
	for name, specs := range map[string][]string{"a": specs, "b": {scan}} {
		if err := (layers.Image{Layers: specs}).WriteLayout(filepath.Join(g.dir, "image-"+name), "t"); err != nil {
			g.t.Fatal(err)
		}
	}
	scanned := filepath.Join(g.dir, "scan.dump")
	if err := os.WriteFile(filepath.Join(g.dir, "scan.tar"), layers.Tar(scan), 0o600); err != nil {
		g.t.Fatal(err)
	}
	g.run("dump", "--policy", "raw", "-o", "scan.dump", "tar:scan.tar")
	if shape.Dump != nil {
		text, err := os.ReadFile(scanned)
		if err != nil {
			g.t.Fatal(err)
		}
		if err := os.WriteFile(scanned, []byte(shape.Dump(string(text))), 0o600); err != nil {
			g.t.Fatal(err)
		}
	}
	if !shape.Diff {
		g.run("dump", "-o", "a.dump", "oci:image-a:t")
		g.run("mkfs", "tar:scan.tar", "b.erofs")
	}
}

// cost is how often each statement ran, and how many bytes were allocated.
type cost struct {
	runs  map[string]int64
	bytes int64
}

// run runs the program, and measures it.
func (g *grown) run(args ...string) cost {
	g.t.Helper()
	counters, allocated := filepath.Join(g.dir, "counters"), filepath.Join(g.dir, "allocated")
	if err := errors.Join(os.RemoveAll(counters), os.Mkdir(counters, 0o700)); err != nil {
		g.t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(g.t.Context(), growthTimeout)
	defer stop()
	command := exec.CommandContext(ctx, g.program, append(args, "--max-metadata=0")...)
	command.Dir = g.dir
	var stderr bytes.Buffer
	command.Stderr = &stderr
	// One processor, as counters lose counts to others.
	command.Env = append(os.Environ(), "GOCOVERDIR="+counters, "GOMAXPROCS=1", "CFSVERIFY_BYTES="+allocated)
	err := command.Run()
	status := command.ProcessState.ExitCode()
	isRefused := status == statusTrouble && strings.Contains(stderr.String(), "refuses this")
	if status != statusSame && status != statusDifferent && !isRefused {
		g.t.Errorf("%q: %v\n%s", args, err, stderr.Bytes())
	}
	profile := filepath.Join(counters, "profile")
	if out, err := exec.Command(g.covdata, "textfmt", "-i="+counters, "-o="+profile).CombinedOutput(); err != nil {
		g.t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(allocated)
	if err != nil {
		g.t.Fatal(err)
	}
	bytes, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		g.t.Fatal(err)
	}
	return cost{readProfile(g.t, profile), bytes}
}

// readProfile reads lines of FILE:FROM,TO STATEMENTS RUNS.
func readProfile(t *testing.T, file string) map[string]int64 {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	runs := map[string]int64{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 {
			continue
		}
		if n, err := strconv.ParseInt(fields[2], 10, 64); err == nil && n > 0 {
			runs[fields[0]] = n
		}
	}
	if len(runs) == 0 {
		t.Fatalf("%s counts nothing", file)
	}
	return runs
}

func checkGrowth(t *testing.T, name string, costs []cost, most float64) {
	t.Helper()
	small, middle, large := costs[0], costs[1], costs[2]
	var slow []string
	for place, runs := range large.runs {
		if runs > 4*growthBase*growthFloor && isFast(most, float64(small.runs[place]), float64(middle.runs[place]), float64(runs)) {
			slow = append(slow, fmt.Sprintf("%s ran %d, %d and %d times", place, small.runs[place], middle.runs[place], runs))
		}
	}
	slices.Sort(slow)
	for _, line := range slow {
		t.Errorf("%s: %s", name, line)
	}
	if large.bytes-middle.bytes > growthBytes && isFast(most, float64(small.bytes), float64(middle.bytes), float64(large.bytes)) {
		t.Errorf("%s allocated %d, %d and %d bytes", name, small.bytes, middle.bytes, large.bytes)
	}
}

// isFast says that a cost grew too much, in the last step and in both. Searches and sorts
// take a step more now and then.
func isFast(most, small, middle, large float64) bool {
	return large > most*middle && large > most*most*small
}
