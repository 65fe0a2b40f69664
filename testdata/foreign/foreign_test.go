package foreign

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// program has "// found" at the end of each line that must be found, and of no other.
const program = `package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"program/canon/printable"
)

type kind string

const (
	file kind = "file"
	link kind = "link"
)

type name string

func (n name) String() string { return "name " + string(n) }

type safe struct{ text string }

func (s safe) String() string { return printable.Text(s.text) }

type document struct {
	Title string ` + "`json:\"title\"`" + `
	own   string
}

type badEntry struct{ path, why string }

func (e *badEntry) Error() string {
	if e.why == "" {
		return e.path // found
	}
	return fmt.Sprintf("%q: %s", e.path, e.why)
}

type wrapped struct{ err error }

func (w wrapped) Error() string { return "wrapped: " + w.err.Error() }

func message(format string, args ...any) error { return fmt.Errorf(format, args...) }

func through(list []string) (out string, err error) {
	for i, s := range list {
		out += strings.ToUpper(s)
		if i > 3 {
			return "", nil
		}
	}
	return
}

func read(r io.Reader) []error {
	buf := make([]byte, 8)
	if _, err := io.ReadFull(r, buf); err != nil {
		return []error{err, fmt.Errorf("read: %w", err), wrapped{err}}
	}
	text := string(buf)
	var b strings.Builder
	b.WriteString(text)
	var d document
	if err := json.Unmarshal(buf, &d); err != nil {
		return []error{errors.New(err.Error())} // found
	}
	d.own = "own"
	upper, _ := through([]string{text})
	quoted := printable.Text(text)
	each := func(s string) error { return errors.New(s) } // found
	byName := map[string]int{text: 1}
	for key := range byName {
		if err := message("%d %s", 1, key); err != nil { // found
			return []error{err}
		}
	}
	return []error{
		fmt.Errorf("it is %s", text), // found
		fmt.Errorf("it is %q, %x, %d", text, text, len(text)),
		fmt.Errorf("it is %-*s %s", 5, quoted, "x"),
		fmt.Errorf("it is %s", quoted+text), // found
		errors.New("it is " + b.String()), // found
		errors.New("it is " + d.Title), // found
		errors.New("it is " + d.own),
		errors.New(upper), // found
		errors.New(quoted),
		message("%s", text), // found
		message("%q %v", text, 5),
		fmt.Errorf("%v", kind(text)),
		fmt.Errorf("%v", name(text)), // found
		fmt.Errorf("%v", safe{text}),
		fmt.Errorf("%v", []any{text}), // found
		fmt.Errorf("%c%U%t", text[0], text[1], text == ""),
		fmt.Errorf("%v", http.Header{}.Get("x")), // found
		each(text),
		&badEntry{path: text, why: "own"},
		errors.New(string(rune(buf[0]))), // found
	}
}

func main() {
	if err := errors.Join(read(os.Stdin)...); err != nil {
		panic(fmt.Sprint(file, link, err))
	}
}
`

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module program\n\ngo 1.26\n", "main.go": program,
		"canon/printable/text.go": "package printable\n\nfunc Text(s string) string { return s }\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found, places, err := Find(dir, ".")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, f := range found {
		got = append(got, strings.Join(strings.SplitN(f, ":", 3)[:2], ":"))
	}
	for i, line := range strings.Split(program, "\n") {
		if strings.HasSuffix(line, "// found") {
			want = append(want, fmt.Sprintf("main.go:%d", i+1))
		}
	}
	if diff := cmp.Diff(want, got, cmp.Transformer("set", func(list []string) map[string]bool {
		set := map[string]bool{}
		for _, s := range list {
			set[s] = true
		}
		return set
	})); diff != "" {
		t.Errorf("%s\n%s", diff, strings.Join(found, "\n"))
	}
	if places < len(want) {
		t.Errorf("%d places were looked at", places)
	}
}
