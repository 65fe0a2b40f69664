package layer

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"cfsverify/canon"
)

// modelEntry is an entry of a random layer. Each has an mtime of its own, so in
// a tree the mtime tells which entry an inode is of.
type modelEntry struct {
	flag   byte // d f l h
	path   string
	target string
	mtime  int
}

func (e modelEntry) spec() string {
	line := fmt.Sprintf("%c %s mtime=%d", e.flag, e.path, e.mtime)
	if e.target != "" {
		line += " ->" + e.target
	}
	return line
}

// modelLayers makes layers of random bytes.
func modelLayers(data []byte) [][]modelEntry {
	names := []string{"a", "b", "c", "a", "b", "c", ".wh.a", ".wh.b", ".wh..wh..opq"}
	layers := [][]modelEntry{nil}
	next := func() int {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int(b)
	}
	for mtime := 1; len(data) > 0 && mtime < 60; mtime++ {
		what := next()
		if what%8 == 7 && len(layers) < 4 {
			layers = append(layers, nil)
		}
		e := modelEntry{flag: "ddddfflh"[what/8%8], mtime: mtime}
		where := next()
		for range where / 64 {
			e.path += names[where%3] + "/"
			where = where/3 + next()
		}
		e.path += names[next()%len(names)]
		if e.flag == 'l' || e.flag == 'h' {
			e.target = names[next()%3]
			if where%2 == 0 {
				e.target += "/" + names[next()%3]
			}
		}
		layers[len(layers)-1] = append(layers[len(layers)-1], e)
	}
	return layers
}

// modelTree is a tree as a flat map: what the rules say, without a thought for
// speed.
type modelTree map[string]modelFile

type modelFile struct {
	flag  byte
	mtime int
	layer int
}

func (t modelTree) isDir(p string) bool { return p == "." || t[p].flag == 'd' }

// remove removes a subtree.
func (t modelTree) remove(p string) {
	delete(t, p)
	t.clear(p)
}

func (t modelTree) clear(dir string) {
	for p := range t {
		if dir == "." || strings.HasPrefix(p, dir+"/") {
			delete(t, p)
		}
	}
}

func (t modelTree) put(p string, f modelFile) {
	if f.flag != 'd' || !t.isDir(p) {
		t.remove(p)
	}
	t[p] = f
}

func (t modelTree) hide(p string) {
	dir, base := path.Dir(p), path.Base(p)
	if !t.isDir(dir) {
		return
	}
	if base == ".wh..wh..opq" {
		t.clear(dir)
		return
	}
	t.remove(path.Join(dir, strings.TrimPrefix(base, ".wh.")))
}

func ancestors(p string) []string {
	var dirs []string
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		dirs = append([]string{dir}, dirs...)
	}
	return dirs
}

// file is what an entry puts at its path; false if the target is not there.
func (t modelTree) file(e modelEntry, layer int) (modelFile, bool) {
	if e.flag != 'h' {
		return modelFile{e.flag, e.mtime, layer}, true
	}
	f, ok := t[e.target]
	return modelFile{f.flag, f.mtime, layer}, ok && f.flag != 'd'
}

func isMarker(p string) bool { return strings.HasPrefix(path.Base(p), ".wh.") }

func modelOCI(layers [][]modelEntry) (modelTree, bool) {
	t := modelTree{}
	for i, layer := range layers {
		for _, e := range layer {
			if isMarker(e.path) {
				t.hide(e.path)
			}
		}
		for _, e := range layer {
			f, ok := t.file(e, i)
			if !ok && !isMarker(e.path) {
				return nil, false
			}
			for _, dir := range ancestors(e.path) {
				if t.isDir(dir) {
					continue
				}
				if old, ok := t[dir]; ok && old.layer == i {
					return nil, false
				}
				t.put(dir, modelFile{'d', 0, i})
			}
			if !isMarker(e.path) {
				t.put(e.path, f)
			}
		}
	}
	return t, true
}

func modelComposefsRS(layers [][]modelEntry) (modelTree, bool) {
	t := modelTree{}
	for i, layer := range layers {
		for _, e := range layer {
			f, ok := t.file(e, i)
			if !ok || !t.isDir(path.Dir(e.path)) {
				return nil, false
			}
			if isMarker(e.path) {
				t.hide(e.path)
				continue
			}
			t.put(e.path, f)
		}
	}
	return t, true
}

func (t modelTree) text() string {
	lines := map[string]string{}
	for p, f := range t {
		lines[p] = fmt.Sprintf("%c %s %d\n", f.flag, p, f.mtime)
	}
	return sortedLines(lines)
}

// modelText writes a tree as modelTree.text does; names of one mtime must be one
// inode.
func modelText(t *testing.T, tree *canon.Tree) string {
	t.Helper()
	lines := map[string]string{}
	inodes := map[int64]*canon.Node{}
	for p, e := range tree.All() {
		if p == "/" {
			continue
		}
		flag := map[canon.Kind]byte{canon.Directory: 'd', canon.Regular: 'f', canon.Symlink: 'l'}[e.Node.Kind]
		lines[p[1:]] = fmt.Sprintf("%c %s %d\n", flag, p[1:], e.Node.Mtime.Sec)
		if other, ok := inodes[e.Node.Mtime.Sec]; ok && other != e.Node && e.Node.Mtime.Sec != 0 {
			t.Errorf("%s: not the same inode as another name of the entry", p)
		}
		inodes[e.Node.Mtime.Sec] = e.Node
	}
	return sortedLines(lines)
}

func sortedLines(lines map[string]string) string {
	var out strings.Builder
	for _, p := range slices.Sorted(maps.Keys(lines)) {
		out.WriteString(lines[p])
	}
	return out.String()
}

// checkModel applies random layers by both sets of rules, and compares with the
// models.
func checkModel(t *testing.T, data []byte) {
	entries := modelLayers(data)
	var specs []string
	for _, layer := range entries {
		spec := ""
		for _, e := range layer {
			spec += e.spec() + "\n"
		}
		specs = append(specs, spec)
	}
	layers := layersOf(t, specs...)
	fail := func(format string, args ...any) {
		t.Fatalf("layers\n%s\n%s", strings.Join(specs, "---\n"), fmt.Sprintf(format, args...))
	}
	models := map[Rules]func([][]modelEntry) (modelTree, bool){RulesOCI: modelOCI, RulesComposefsRS: modelComposefsRS}
	results := map[Rules]string{}
	trees := map[Rules]*canon.Tree{}
	for _, rules := range AllRules() {
		want, ok := models[rules](entries)
		tree, err := Apply(layers, rules)
		if ok != (err == nil) {
			fail("%s: error %v, the model accepts: %v", rules, err, ok)
		}
		results[rules] = "refused"
		if err != nil {
			continue
		}
		trees[rules] = tree
		results[rules] = want.text()
		if got := modelText(t, tree); got != want.text() {
			fail("%s: got\n%swant\n%s", rules, got, want.text())
		}
		if err := tree.Validate(); err != nil {
			fail("%s: %v", rules, err)
		}
	}
	for used, tree := range trees {
		other, events, err := otherOf(layers, used, tree)
		differ := results[RulesOCI] != results[RulesComposefsRS]
		if differ != (other != nil || err != nil) || differ && other != nil && err != nil {
			fail("%s: the rules differ: %v; got tree %v, error %v", used, differ, other, err)
		}
		if used == RulesOCI && differ != (len(events) > 0) {
			fail("the rules differ: %v; events %+v", differ, events)
		}
		if differ && rulesAgree(layers) {
			fail("the rules differ, but are said to agree")
		}
	}
	if tree := trees[RulesOCI]; tree != nil {
		checkLayerTrees(t, layers, tree)
	}
	for rules := range trees {
		// That takes the layers.
		tree, err := applyLayers(layers, rules, true)
		if err != nil {
			fail("%s: %v", rules, err)
		}
		if got := modelText(t, tree); got != results[rules] {
			fail("%s: taken are\n%swant\n%s", rules, got, results[rules])
		}
		break
	}
}

func FuzzApply(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		f.Add(randomBytes(random, 60))
	}
	f.Fuzz(checkModel)
}

// TestApplyRandom is what FuzzApply does, for runs without fuzzing.
func TestApplyRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	accepted := 0
	for range 4000 {
		data := randomBytes(random, random.IntN(60))
		if _, ok := modelOCI(modelLayers(data)); ok {
			accepted++
		}
		checkModel(t, data)
	}
	if accepted < 500 {
		t.Errorf("only %d of the random images are accepted", accepted)
	}
}

func randomBytes(random *rand.Rand, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}
