package foreign

import (
	"go/ast"
	"go/token"
	"go/types"
	"reflect"
)

// isForeign says that the value of an expression may hold foreign text.
func (w *walk) isForeign(e ast.Expr) bool {
	tv := w.info.Types[e]
	if tv.Value != nil || tv.Type != nil && !holdsText(tv.Type) {
		return false
	}
	switch e := e.(type) {
	case *ast.Ident:
		o := w.info.ObjectOf(e)
		return o != nil && w.isMarked(origin(o))
	case *ast.SelectorExpr:
		return w.selected(e)
	case *ast.ParenExpr:
		return w.isForeign(e.X)
	case *ast.StarExpr:
		return w.isForeign(e.X)
	case *ast.UnaryExpr:
		return w.isForeign(e.X)
	case *ast.SliceExpr:
		return w.isForeign(e.X)
	case *ast.IndexExpr:
		return w.isForeign(e.X)
	case *ast.TypeAssertExpr:
		return w.isForeign(e.X)
	case *ast.BinaryExpr:
		return e.Op == token.ADD && (w.isForeign(e.X) || w.isForeign(e.Y))
	case *ast.CompositeLit:
		return w.elements(e)
	case *ast.CallExpr:
		return w.resultForeign(e, 0)
	}
	return false
}

// selected is a field or a variable of another package. Fields of other libraries' types are
// foreign, and those that documents are decoded into.
func (w *walk) selected(e *ast.SelectorExpr) bool {
	v, ok := w.info.Uses[e.Sel].(*types.Var)
	if !ok {
		return false
	}
	if !w.isOwn(v.Pkg()) {
		w.seen = "the field " + v.Name() + " of another library"
		return v.IsField()
	}
	if v.IsField() && w.isDecoded(e, v) {
		w.seen = "the field " + v.Name() + " of a document"
		return true
	}
	return w.isMarked(origin(v))
}

// isDecoded says that a field has a name in a document. In reports they are written only.
func (w *walk) isDecoded(e *ast.SelectorExpr, v *types.Var) bool {
	if v.Pkg().Name() == "reports" {
		return false
	}
	t := w.info.TypeOf(e.X)
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	fields, ok := t.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	for i := range fields.NumFields() {
		if fields.Field(i) == v {
			tag := reflect.StructTag(fields.Tag(i))
			return tag.Get("json") != "" || tag.Get("yaml") != ""
		}
	}
	return false
}

// elements are those of a list or mapping. Fields of structs are known themselves.
func (w *walk) elements(e *ast.CompositeLit) bool {
	if _, ok := w.info.TypeOf(e).Underlying().(*types.Struct); ok {
		return false
	}
	for _, x := range e.Elts {
		if kv, ok := x.(*ast.KeyValueExpr); ok {
			if _, isMap := w.info.TypeOf(e).Underlying().(*types.Map); isMap && w.isForeign(kv.Key) {
				return true
			}
			x = kv.Value
		}
		if w.isForeign(x) {
			return true
		}
	}
	return false
}
