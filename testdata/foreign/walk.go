package foreign

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"strings"
)

// walk goes over one package.
type walk struct {
	*flow
	pkg  *ownPackage
	info *types.Info
	// in is the function that is walked: a *types.Func or an *ast.FuncLit.
	in        any
	signature *types.Signature
}

// report notes a place where foreign text goes unquoted.
func (w *walk) report(at ast.Node, what string, isForeign bool) {
	if w.found == nil {
		return
	}
	w.places++
	if isForeign {
		p := w.set.Position(at.Pos())
		name, err := filepath.Rel(w.dir, p.Filename)
		if err != nil {
			name = p.Filename
		}
		w.found[fmt.Sprintf("%s:%d: foreign text in %s: %s", name, p.Line, what, w.way())] = true
	}
}

// receiver is foreign if something foreign was converted to its type.
func (w *walk) receiver() {
	if r := w.signature.Recv(); r != nil {
		if named, ok := r.Type().(*types.Named); ok {
			w.mark(r, w.isMarked(named.Obj()))
		}
	}
}

// node is for ast.Inspect.
func (w *walk) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncLit:
		inner := *w
		inner.in, inner.signature = n, w.info.TypeOf(n).(*types.Signature)
		ast.Inspect(n.Body, inner.node)
		return false
	case *ast.AssignStmt:
		w.assignAll(n.Lhs, n.Rhs, n.Tok)
	case *ast.ValueSpec:
		var names []ast.Expr
		for _, name := range n.Names {
			names = append(names, name)
		}
		w.assignAll(names, n.Values, token.DEFINE)
	case *ast.RangeStmt:
		isForeign := w.isForeign(n.X)
		for _, v := range []ast.Expr{n.Key, n.Value} {
			if v != nil {
				w.assign(v, isForeign)
			}
		}
	case *ast.SendStmt:
		w.assign(n.Chan, w.isForeign(n.Value))
	case *ast.TypeSwitchStmt:
		w.typeSwitch(n)
	case *ast.ReturnStmt:
		w.returned(n)
	case *ast.CompositeLit:
		w.literal(n)
	case *ast.CallExpr:
		w.call(n)
	}
	return true
}

func (w *walk) assignAll(left, right []ast.Expr, op token.Token) {
	switch {
	case len(left) == len(right):
		for i := range left {
			w.assign(left[i], w.isForeign(right[i]))
			w.functionValue(right[i], w.info.TypeOf(left[i]), left[i])
		}
	case len(right) == 1:
		for i := range left {
			w.assign(left[i], w.resultForeign(right[0], i))
		}
	}
}

// assign notes what is assigned to a variable, field, element or what is pointed to.
func (w *walk) assign(to ast.Expr, isForeign bool) {
	if t := w.info.TypeOf(to); t != nil && !holdsText(t) {
		return
	}
	w.mark(w.root(to), isForeign)
}

// root is the variable or field that an expression is a part of.
func (w *walk) root(e ast.Expr) any {
	switch e := e.(type) {
	case *ast.Ident:
		if o := w.info.ObjectOf(e); o != nil {
			return origin(o)
		}
	case *ast.SelectorExpr:
		if o, ok := w.info.Uses[e.Sel].(*types.Var); ok {
			return origin(o)
		}
	case *ast.IndexExpr:
		return w.root(e.X)
	case *ast.SliceExpr:
		return w.root(e.X)
	case *ast.StarExpr:
		return w.root(e.X)
	case *ast.ParenExpr:
		return w.root(e.X)
	case *ast.UnaryExpr:
		return w.root(e.X)
	case *ast.TypeAssertExpr:
		return w.root(e.X)
	}
	return nil
}

// origin is the variable or function of a generic declaration.
func origin(o types.Object) types.Object {
	switch o := o.(type) {
	case *types.Var:
		return o.Origin()
	case *types.Func:
		return o.Origin()
	}
	return o
}

func (w *walk) typeSwitch(n *ast.TypeSwitchStmt) {
	assign, ok := n.Assign.(*ast.AssignStmt)
	if !ok {
		return
	}
	isForeign := w.isForeign(assign.Rhs[0])
	for _, clause := range n.Body.List {
		if o := w.info.Implicits[clause]; o != nil && holdsText(o.Type()) {
			w.mark(o, isForeign)
		}
	}
}

func (w *walk) returned(n *ast.ReturnStmt) {
	if w.signature == nil {
		return
	}
	results := w.signature.Results()
	for i := range results.Len() {
		var isForeign bool
		switch {
		case len(n.Results) == 0:
			isForeign = w.isMarked(results.At(i))
		case len(n.Results) == results.Len():
			isForeign = w.isForeign(n.Results[i])
			w.functionValue(n.Results[i], results.At(i).Type(), nil)
		default:
			isForeign = w.resultForeign(n.Results[0], i)
		}
		isForeign = isForeign && holdsText(results.At(i).Type())
		w.mark(result{w.in, i}, isForeign)
		if fn, ok := w.in.(*types.Func); ok && fn.Name() == "Error" && w.signature.Recv() != nil {
			w.report(n, "the text of an error", isForeign)
		}
	}
}

func (w *walk) literal(n *ast.CompositeLit) {
	t := w.info.TypeOf(n)
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	fields, ok := t.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i, e := range n.Elts {
		field := (*types.Var)(nil)
		tag := ""
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
			name := kv.Key.(*ast.Ident).Name
			for k := range fields.NumFields() {
				if fields.Field(k).Name() == name {
					field, tag = fields.Field(k), fields.Tag(k)
				}
			}
		} else {
			field, tag = fields.Field(i), fields.Tag(i)
		}
		isForeign := w.isForeign(e) && holdsText(field.Type())
		w.mark(origin(field), isForeign)
		w.functionValue(e, field.Type(), nil)
		if w.isReport() && !isBytes(field.Type()) && (reflect.StructTag(tag).Get("json") != "" || reflect.StructTag(tag).Get("xml") != "") {
			w.report(e, "a report's field "+field.Name(), isForeign)
		}
	}
}

// isBytes says that JSON has a value in base64.
func isBytes(t types.Type) bool {
	s, ok := t.Underlying().(*types.Slice)
	return ok && isByte(s.Elem())
}

func (w *walk) isReport() bool { return w.pkg.path == "reports" }

// functionValue notes what other libraries give the function that they are given: they call
// it with foreign text. to is the type of what it is assigned to, and field that, if known.
func (w *walk) functionValue(e ast.Expr, to types.Type, field ast.Expr) {
	selector, ok := field.(*ast.SelectorExpr)
	if !ok {
		return
	}
	if o := w.info.Uses[selector.Sel]; o == nil || w.isOwn(o.Pkg()) {
		return
	}
	if literal, ok := e.(*ast.FuncLit); ok {
		w.markParams(literal)
	}
}

func (w *walk) markParams(literal *ast.FuncLit) {
	for _, list := range literal.Type.Params.List {
		for _, name := range list.Names {
			if o := w.info.Defs[name]; o != nil && holdsText(o.Type()) {
				w.seen = "a call from outside"
				w.mark(o, true)
			}
		}
	}
}

func (w *walk) isOwn(p *types.Package) bool {
	return p != nil && (p.Path() == w.module || strings.HasPrefix(p.Path(), w.module+"/"))
}

// holdsText says that values of a type can hold text. Errors are not followed, nor are
// functions.
func holdsText(t types.Type) bool { return holdsTextIn(t, 0) }

func holdsTextIn(t types.Type, depth int) bool {
	if depth > 6 || isError(t) || isSafe(t) || isVocabulary(t) {
		return false
	}
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return t.Info()&types.IsString != 0 || t.Kind() == types.UnsafePointer
	case *types.Slice:
		return isByte(t.Elem()) || holdsTextIn(t.Elem(), depth+1)
	case *types.Array:
		return isByte(t.Elem()) || holdsTextIn(t.Elem(), depth+1)
	case *types.Pointer:
		return holdsTextIn(t.Elem(), depth+1)
	case *types.Map:
		return holdsTextIn(t.Key(), depth+1) || holdsTextIn(t.Elem(), depth+1)
	case *types.Chan:
		return holdsTextIn(t.Elem(), depth+1)
	case *types.Struct, *types.Interface:
		return true
	case *types.Signature:
		// Sequences give what is in them to a function.
		return t.Params().Len() == 1 && t.Results().Len() == 0
	}
	return false
}

// isVocabulary says that a type is for some words, which are its constants: what is no such
// word is an error when it is parsed.
func isVocabulary(t types.Type) bool {
	named, ok := t.(*types.Named)
	if !ok || named.Obj().Pkg() == nil {
		return false
	}
	words := 0
	scope := named.Obj().Pkg().Scope()
	for _, name := range scope.Names() {
		if c, ok := scope.Lookup(name).(*types.Const); ok && types.Identical(c.Type(), t) {
			words++
		}
	}
	return words >= 2
}

func isByte(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Kind() == types.Byte
}

var errorType = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

func isError(t types.Type) bool {
	if _, isAny := t.Underlying().(*types.Interface); isAny {
		return types.Implements(t, errorType)
	}
	return types.Implements(t, errorType) || types.Implements(types.NewPointer(t), errorType)
}

// isSafe says that values of a type of another library are written without foreign text:
// numbers, times, and digests that are checked when they are parsed.
func isSafe(t types.Type) bool {
	switch strings.TrimPrefix(t.String(), "*") {
	case "time.Time", "time.Duration", "io/fs.FileMode", "math/big.Int", "regexp.Regexp", "reflect.Type", "hash.Hash", "crypto.Hash",
		"github.com/google/go-containerregistry/pkg/v1.Hash", "sync.Mutex", "sync.RWMutex", "context.Context":
		return true
	}
	return false
}
