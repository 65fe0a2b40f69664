package importers

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
	"cfsverify/compare"
	"cfsverify/importers/layer"
	"cfsverify/testdata/reading"
	"cfsverify/testdata/trees"
)

// writeTar writes the canonical tar of a tree by trees.Generator.Spaces, and reads it.
func writeTar(tree *canon.Tree, o tarfile.Options) (again *canon.Tree, refusal, err error) {
	o.Open = func(string, *canon.Node) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(make([]byte, 100))), nil
	}
	var out bytes.Buffer
	if refusal := tarfile.Write(&out, tree, o); refusal != nil {
		return nil, refusal, nil
	}
	l, err := reading.Layer(out.Bytes(), 1)
	if err != nil {
		return nil, nil, err
	}
	again, err = layer.Apply([]*layer.Entries{l}, layer.RulesOCI)
	return again, nil, err
}

func writeDumpFile(tree *canon.Tree) (again *canon.Tree, refusal, err error) {
	var out bytes.Buffer
	if refusal := dumpfile.Write(&out, tree); refusal != nil {
		return nil, refusal, nil
	}
	again, err = dumpfile.Parse(&out, dumpfile.Options{})
	return again, nil, err
}

// TestSpacesComeBack: whatever xattrs the inodes of a tree have, the tree is read from
// what was written of it, or the writer refuses it and names the path.
func TestSpacesComeBack(t *testing.T) {
	for name, write := range map[string]func(*canon.Tree) (again *canon.Tree, refusal, err error){
		"dump": writeDumpFile,
		"tar": func(tree *canon.Tree) (again *canon.Tree, refusal, err error) {
			return writeTar(tree, tarfile.Options{})
		},
		"layer": func(tree *canon.Tree) (again *canon.Tree, refusal, err error) {
			return writeTar(tree, tarfile.Options{Layer: true})
		},
	} {
		same, refused := 0, 0
		for seed := range uint64(1000) {
			g := trees.Generator{Rand: rand.New(rand.NewPCG(seed, 12)), Algorithm: fsverity.SHA256}
			tree := g.Spaces()
			if seed%4 == 0 {
				tree = withoutClaims(g.Tree())
			}
			again, refusal, err := write(tree)
			switch {
			case refusal != nil:
				if refused++; !namesPath(tree, refusal) {
					t.Errorf("%s, seed %d: %v", name, seed, refusal)
				}
			case err != nil:
				t.Errorf("%s, seed %d: what was written cannot be read: %v", name, seed, err)
			default:
				same++
				for _, d := range compare.Trees(tree, again) {
					t.Errorf("%s, seed %d: %q %s %v", name, seed, d.Path, d.Status, d.Changes)
				}
			}
		}
		t.Logf("%s: %d came back, %d were refused", name, same, refused)
		if same < 200 {
			t.Errorf("%s: only %d came back", name, same)
		}
	}
}

// withoutClaims makes of a tree of a dump file one that any source can have but for its
// times and names.
func withoutClaims(tree *canon.Tree) *canon.Tree {
	for e := range tree.Dirents() {
		n := e.Node
		switch {
		case n.Kind == canon.Socket:
			n.Kind, n.Size = canon.FIFO, 0
		case n.Kind != canon.Regular:
			n.Size = 0
		case n.Size > canon.InlineMax:
			n.Size, n.Content = 100, canon.External(fsverity.SumBytes(fsverity.SHA256, make([]byte, 100)))
		case n.Size > 0:
			n.Content = &canon.Content{Inline: make([]byte, n.Size)}
		}
	}
	tree.CountLinks()
	return tree
}

// namesPath says that an error begins with a path of the tree.
func namesPath(tree *canon.Tree, err error) bool {
	quoted, _, _ := strings.Cut(err.Error(), `": `)
	path, unquoteErr := strconv.Unquote(quoted + `"`)
	return unquoteErr == nil && tree.Lookup(path) != nil
}
