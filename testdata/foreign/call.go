package foreign

import (
	"go/ast"
	"go/constant"
	"go/types"
	"slices"
	"strings"
)

// resultForeign says that a result of a call may hold foreign text; of other expressions
// that their value may.
func (w *walk) resultForeign(e ast.Expr, i int) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return i == 0 && w.isForeign(e)
	}
	if tv := w.info.Types[call.Fun]; tv.IsType() {
		return w.converted(call)
	} else if tv.IsBuiltin() {
		name := ast.Unparen(call.Fun).(*ast.Ident).Name
		return slices.Contains([]string{"append", "min", "max"}, name) && slices.ContainsFunc(call.Args, w.isForeign)
	}
	fn := w.callee(call)
	switch {
	case fn == nil:
		for _, l := range w.literals[w.info.TypeOf(call.Fun).String()] {
			if w.isMarked(result{l, i}) {
				return true
			}
		}
		return false
	case !w.isOwn(fn.Pkg()):
		return w.external(call, fn)
	case fn.Pkg().Path() == w.module+"/canon/printable":
		return false
	case isAbstract(fn):
		return slices.ContainsFunc(w.methods[fn.Name()], func(m *types.Func) bool { return w.isMarked(result{m, i}) })
	}
	return w.isMarked(result{origin(fn), i})
}

// converted is the value of a conversion. What a number is as text, nobody knows.
func (w *walk) converted(call *ast.CallExpr) bool {
	from := w.info.TypeOf(call.Args[0])
	if b, ok := from.Underlying().(*types.Basic); ok && b.Info()&types.IsInteger != 0 {
		w.seen = "a character by its number"
		return true
	}
	isForeign := w.isForeign(call.Args[0])
	if named, ok := w.info.TypeOf(call).(*types.Named); ok && w.isOwn(named.Obj().Pkg()) {
		w.mark(named.Obj(), isForeign)
	}
	return isForeign
}

func (w *walk) callee(call *ast.CallExpr) *types.Func {
	fun := ast.Unparen(call.Fun)
	switch index := fun.(type) {
	case *ast.IndexExpr:
		fun = index.X
	case *ast.IndexListExpr:
		fun = index.X
	}
	switch f := fun.(type) {
	case *ast.Ident:
		fn, _ := w.info.Uses[f].(*types.Func)
		return fn
	case *ast.SelectorExpr:
		fn, _ := w.info.Uses[f.Sel].(*types.Func)
		return fn
	}
	return nil
}

func isAbstract(fn *types.Func) bool {
	recv := fn.Signature().Recv()
	return recv != nil && types.IsInterface(recv.Type())
}

// passing are the packages whose functions give text that is in what they are given, and no
// other.
var passing = []string{"strings", "bytes", "path", "path/filepath", "slices", "maps", "cmp", "unicode/utf8", "unicode/utf16", "iter", "sort",
	"github.com/fatih/color", "github.com/rivo/uniseg", "encoding/binary", "sync/atomic"}

// quoting are functions that quote, or give nothing but numbers and words of their own.
var quoting = []string{"strconv.", "encoding/hex.", "encoding/base64.", "net/http.StatusText", "time.", "runtime.", "github.com/docker/go-units.",
	"golang.org/x/term.", "runtime/debug.", "encoding/json.Marshal", "(*encoding/base64", "(hash.", "(reflect.", "(*html/template", "html/template.", "embed.", "(embed."}

// external is a call of another library's function.
func (w *walk) external(call *ast.CallExpr, fn *types.Func) bool {
	if fn.Pkg() == nil {
		w.seen = "the text of an error"
		return !w.inError()
	}
	receiver := false
	if selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && fn.Signature().Recv() != nil {
		if receiver = w.isForeign(selector.X); isSafe(w.info.TypeOf(selector.X)) {
			return false
		}
	}
	switch name := fn.FullName(); {
	case name == "strconv.Unquote" || name == "strconv.QuotedPrefix":
		w.seen = name
		return true
	case slices.ContainsFunc(quoting, func(q string) bool { return strings.HasPrefix(name, q) }):
		return false
	case strings.HasPrefix(name, "fmt."):
		return w.formatted(call, fn)
	case slices.Contains(passing, fn.Pkg().Path()):
		if receiver {
			return true
		}
		for _, arg := range call.Args {
			if w.isForeign(arg) {
				return true
			}
			if literal, ok := arg.(*ast.FuncLit); ok && w.isMarked(result{literal, 0}) {
				return true
			}
		}
		return false
	}
	w.seen = fn.FullName()
	return true
}

// inError says that this is the text of an error, in which that of another may be.
func (w *walk) inError() bool {
	if w.pkg.path == "cmd/advice" {
		return true
	}
	fn, ok := w.in.(*types.Func)
	return ok && fn.Name() == "Error" && w.signature.Recv() != nil
}

// formatted says that a text by fmt has foreign text unquoted.
func (w *walk) formatted(call *ast.CallExpr, fn *types.Func) bool {
	args := call.Args
	params := fn.Signature().Params()
	at := params.Len() - 1
	if !strings.HasSuffix(fn.Name(), "f") {
		return slices.ContainsFunc(args[min(at, len(args)):], w.shown)
	}
	return w.format(args[at-1:], call.Ellipsis.IsValid())
}

// format is what a format makes of arguments.
func (w *walk) format(args []ast.Expr, spread bool) bool {
	format := w.info.Types[args[0]].Value
	if format == nil {
		return w.isForeign(args[0]) || slices.ContainsFunc(args[1:], w.shown)
	}
	if spread {
		return w.isForeign(args[len(args)-1])
	}
	next := 1
	for text := constant.StringVal(format); ; {
		_, rest, found := strings.Cut(text, "%")
		if !found {
			return false
		}
		verb := strings.TrimLeft(rest, "+-# 0123456789.*")
		next += strings.Count(rest[:len(rest)-len(verb)], "*")
		if verb == "" {
			return false
		}
		text = verb[1:]
		if verb[0] == '%' {
			continue
		}
		if next < len(args) && strings.ContainsRune("svw", rune(verb[0])) && w.shown(args[next]) {
			return true
		}
		next++
	}
}

// shown says that the text of a value as fmt shows it may be foreign.
func (w *walk) shown(e ast.Expr) bool {
	t := w.info.TypeOf(e)
	if w.info.Types[e].Value != nil || isError(t) || isSafe(t) {
		return false
	}
	for _, name := range []string{"String", "Error"} {
		o, _, _ := types.LookupFieldOrMethod(t, true, w.pkgTypes(), name)
		fn, ok := o.(*types.Func)
		switch {
		case !ok:
		case !w.isOwn(fn.Pkg()):
			w.seen = fn.FullName()
			return !isSafe(t)
		case isAbstract(fn):
			return slices.ContainsFunc(w.methods[name], func(m *types.Func) bool { return w.isMarked(result{m, 0}) })
		default:
			return w.isMarked(result{origin(fn), 0})
		}
	}
	return w.isForeign(e)
}

func (w *walk) pkgTypes() *types.Package {
	for _, o := range w.info.Defs {
		if o != nil && o.Pkg() != nil {
			return o.Pkg()
		}
	}
	return nil
}

// call notes what a call gives to parameters, and looks at what is formatted.
func (w *walk) call(call *ast.CallExpr) {
	tv := w.info.Types[call.Fun]
	if tv.IsType() {
		return
	}
	if tv.IsBuiltin() {
		if name := ast.Unparen(call.Fun).(*ast.Ident).Name; name == "copy" {
			w.assign(call.Args[0], w.isForeign(call.Args[1]))
		}
		return
	}
	fn := w.callee(call)
	switch {
	case fn == nil:
		for _, l := range w.literals[w.info.TypeOf(call.Fun).String()] {
			w.bind(call, w.info.TypeOf(call.Fun).(*types.Signature), l)
		}
	case !w.isOwn(fn.Pkg()):
		w.callExternal(call, fn)
	case isAbstract(fn):
		for _, m := range w.methods[fn.Name()] {
			w.bind(call, m.Origin().Signature(), nil)
		}
	default:
		w.bind(call, fn.Origin().Signature(), nil)
		w.sinks(call, fn)
	}
}

// bind gives the arguments of a call to the parameters.
func (w *walk) bind(call *ast.CallExpr, signature *types.Signature, literal *ast.FuncLit) {
	var params []types.Object
	if literal != nil {
		for _, list := range literal.Type.Params.List {
			for _, name := range list.Names {
				params = append(params, w.defined(name))
			}
			if len(list.Names) == 0 {
				params = append(params, nil)
			}
		}
	} else {
		for i := range signature.Params().Len() {
			params = append(params, signature.Params().At(i))
		}
	}
	if len(params) == 0 {
		return
	}
	for i, arg := range call.Args {
		p := params[min(i, len(params)-1)]
		if i >= len(params)-1 && isMessage(signature) {
			// It is looked at by its verb.
			break
		}
		if p != nil && holdsText(p.Type()) {
			w.mark(origin(p), w.isForeign(arg))
		}
	}
	if len(call.Args) == 1 && len(params) > 1 {
		for i, p := range params {
			if p != nil && holdsText(p.Type()) {
				w.mark(origin(p), w.resultForeign(call.Args[0], i))
			}
		}
	}
}

// defined is what a name is defined as, in whatever package.
func (w *walk) defined(name *ast.Ident) types.Object {
	for _, p := range w.packages {
		if o := p.info.Defs[name]; o != nil {
			return o
		}
	}
	return nil
}

// callExternal notes what another library's function does to its arguments: it fills
// buffers, and calls functions.
func (w *walk) callExternal(call *ast.CallExpr, fn *types.Func) {
	name := fn.Name()
	w.externalSinks(call, fn)
	any := slices.ContainsFunc(call.Args, w.isForeign)
	if strings.HasPrefix(name, "Read") || strings.HasPrefix(name, "Unmarshal") || strings.HasPrefix(name, "Decode") || strings.Contains(name, "xattr") || name == "Pread" || name == "Readlinkat" {
		for _, arg := range call.Args {
			if t := w.info.TypeOf(arg); t != nil && holdsText(t) {
				w.seen = fn.FullName()
				w.mark(w.root(arg), true)
			}
		}
	}
	if selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && fn.Signature().Recv() != nil && strings.HasPrefix(name, "Write") {
		w.mark(w.root(selector.X), any)
	}
	if len(call.Args) > 0 && fn.Pkg() != nil && fn.Pkg().Path() == "fmt" && strings.HasPrefix(name, "Fprint") {
		w.mark(w.root(call.Args[0]), w.formatted(call, fn))
	}
	own := fn.Pkg() != nil && slices.Contains(passing, fn.Pkg().Path())
	for _, arg := range call.Args {
		if literal, ok := arg.(*ast.FuncLit); ok && (any || !own) {
			w.markParams(literal)
		}
	}
}

// externalSinks looks at errors that are made, and at what is printed.
func (w *walk) externalSinks(call *ast.CallExpr, fn *types.Func) {
	switch fn.FullName() {
	case "fmt.Errorf":
		w.report(call, "an error", w.formatted(call, fn))
	case "errors.New":
		w.report(call, "an error", w.isForeign(call.Args[0]))
	case "fmt.Fprintf", "fmt.Fprintln", "fmt.Fprint":
		if w.isReport() || w.pkg.path == "cmd" {
			w.report(call, "what is printed", w.formatted(call, fn))
		}
	case "io.WriteString":
		if w.isReport() {
			w.report(call, "what is printed", w.isForeign(call.Args[1]))
		}
	}
}

// sinks looks at calls of functions of the program that format messages.
func (w *walk) sinks(call *ast.CallExpr, fn *types.Func) {
	if isMessage(fn.Signature()) {
		w.report(call, "a message", w.format(call.Args[fn.Signature().Params().Len()-2:], call.Ellipsis.IsValid()))
	}
}

// isMessage says that a function formats a message.
func isMessage(s *types.Signature) bool {
	return s.Variadic() && s.Params().Len() >= 2 && s.Params().At(s.Params().Len()-2).Name() == "format"
}
