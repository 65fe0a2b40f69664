package cmd

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSize: commands parse flags, open sources, call a library and report. What they
// do besides belongs in a library.
func TestSize(t *testing.T) {
	const (
		linesMax = 2300
		runMax   = 25
	)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	lines, bodies := 0, 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(data, []byte("\n"))
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, data, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range runBodies(parsed) {
			bodies++
			from, to := set.Position(body.Lbrace), set.Position(body.Rbrace)
			if n := to.Line - from.Line - 1; n > runMax {
				t.Errorf("%v: RunE has %d lines, more than %d", from, n, runMax)
			}
		}
	}
	if lines > linesMax {
		t.Errorf("there are %d lines, more than %d", lines, linesMax)
	}
	if bodies < 12 {
		t.Errorf("only %d commands were found", bodies)
	}
	t.Logf("%d lines, %d commands", lines, bodies)
}

// runBodies are those of the functions that are set as RunE.
func runBodies(file *ast.File) []*ast.BlockStmt {
	var bodies []*ast.BlockStmt
	add := func(value ast.Expr) {
		if f, ok := value.(*ast.FuncLit); ok {
			bodies = append(bodies, f.Body)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if target, ok := n.Lhs[0].(*ast.SelectorExpr); ok && target.Sel.Name == "RunE" {
				add(n.Rhs[0])
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "RunE" {
				add(n.Value)
			}
		}
		return true
	})
	return bodies
}
