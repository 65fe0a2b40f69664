// Package foreign follows text of foreign origin through Go programs, for the test that no
// message has it unquoted. What quoting is, canon/printable knows; what other tests need
// does not belong here.
package foreign

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Find gives the places of a program where foreign text goes into an error, a note or a
// report as it is: without printable.Text, %q and the like. Foreign is what other libraries
// give, be it read, decoded, or taken from the command line, and what documents are decoded
// into. Each variable, field and result is known once, for all that happens to it anywhere
// in the program. Errors of other libraries are not followed: printable.Message is the guard
// against those. The program is given by the path of its main package, in a directory of
// its module; places is how many places were looked at.
func Find(dir, program string) (found []string, places int, err error) {
	f := &flow{set: token.NewFileSet(), foreign: map[any]any{}, literals: map[string][]*ast.FuncLit{}, methods: map[string][]*types.Func{}}
	if err := f.load(dir, program); err != nil {
		return nil, 0, err
	}
	for f.changed = true; f.changed; {
		f.changed = false
		f.walk()
	}
	f.found = map[string]bool{}
	f.walk()
	return slices.Sorted(maps.Keys(f.found)), f.places, nil
}

// flow is what is known of the text in a program.
type flow struct {
	set      *token.FileSet
	dir      string
	module   string
	packages []*ownPackage
	// foreign has variables, fields and parameters (types.Object), and results of functions,
	// that may hold foreign text, with what it comes from: another of these, or the name of
	// what other libraries give.
	foreign map[any]any
	seen    any
	// literals are the functions without a name of each type, and methods those of each
	// name: for calls that do not say which function is called.
	literals map[string][]*ast.FuncLit
	methods  map[string][]*types.Func
	changed  bool
	// found is nil as long as it is not known what is foreign.
	found  map[string]bool
	places int
}

// result is one result of a function: of a *types.Func, or of an *ast.FuncLit.
type result struct {
	function any
	index    int
}

func (r result) String() string {
	if fn, ok := r.function.(*types.Func); ok {
		return fn.Name() + "()"
	}
	return "func()"
}

type ownPackage struct {
	path  string
	files []*ast.File
	info  *types.Info
}

// load parses and checks the packages of the program. Those of other modules are known by
// their compiled form only.
func (f *flow) load(dir, program string) error {
	list := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles,Module", program)
	list.Dir, list.Stderr = dir, os.Stderr
	out, err := list.Output()
	if err != nil {
		return err
	}
	exports, checked := map[string]string{}, map[string]*types.Package{}
	compiled := importer.ForCompiler(f.set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	find := importFunc(func(path string) (*types.Package, error) {
		if p := checked[path]; p != nil {
			return p, nil
		}
		return compiled.Import(path)
	})
	// Packages come behind what they import.
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath, Export, Dir string
			GoFiles                 []string
			Module                  *struct {
				Path, Dir string
				Main      bool
			}
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		exports[p.ImportPath] = p.Export
		if p.Module == nil || !p.Module.Main {
			continue
		}
		f.module, f.dir = p.Module.Path, p.Module.Dir
		own := &ownPackage{path: strings.TrimPrefix(p.ImportPath, p.Module.Path+"/"), info: &types.Info{
			Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
			Selections: map[*ast.SelectorExpr]*types.Selection{}, Implicits: map[ast.Node]types.Object{}}}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(f.set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			own.files = append(own.files, file)
		}
		config := types.Config{Importer: find}
		if checked[p.ImportPath], err = config.Check(p.ImportPath, f.set, own.files, own.info); err != nil {
			return fmt.Errorf("%s: %w", p.ImportPath, err)
		}
		f.index(own)
	}
}

type importFunc func(string) (*types.Package, error)

func (f importFunc) Import(path string) (*types.Package, error) { return f(path) }

func (f *flow) index(p *ownPackage) {
	f.packages = append(f.packages, p)
	for _, file := range p.files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if fn := p.info.Defs[n.Name].(*types.Func); n.Recv != nil {
					f.methods[fn.Name()] = append(f.methods[fn.Name()], fn)
				}
			case *ast.FuncLit:
				signature := p.info.TypeOf(n).String()
				f.literals[signature] = append(f.literals[signature], n)
			}
			return true
		})
	}
}

// mark notes that something may hold foreign text, which comes from what was seen last.
func (f *flow) mark(what any, isForeign bool) {
	if _, known := f.foreign[what]; isForeign && what != nil && !known {
		f.foreign[what], f.changed = f.seen, true
	}
}

// isMarked says whether something may hold foreign text.
func (f *flow) isMarked(what any) bool {
	_, is := f.foreign[what]
	if is {
		f.seen = what
	}
	return is
}

// way is how foreign text comes to what was seen last, from its source on.
func (f *flow) way() string {
	var steps []string
	for at := f.seen; at != nil && len(steps) < 8; at = f.foreign[at] {
		switch at := at.(type) {
		case types.Object:
			steps = append(steps, at.Name())
		case result:
			steps = append(steps, at.String())
		case string:
			steps = append(steps, at)
		}
	}
	slices.Reverse(steps)
	return strings.Join(steps, " → ")
}

// walk goes over all code once.
func (f *flow) walk() {
	for _, p := range f.packages {
		if p.path == "canon/printable" {
			continue
		}
		w := &walk{flow: f, pkg: p, info: p.info}
		for _, file := range p.files {
			for _, d := range file.Decls {
				w.in = nil
				if d, ok := d.(*ast.FuncDecl); ok {
					w.in, w.signature = p.info.Defs[d.Name], p.info.Defs[d.Name].Type().(*types.Signature)
					w.receiver()
				}
				ast.Inspect(d, w.node)
			}
		}
	}
}
