package reports

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/oracle"
)

// tab is a page in Chromium, which notes what a report must never do.
type tab struct {
	*testing.T
	ctx context.Context

	mu      sync.Mutex
	trouble []string
}

// openPage shows HTML, as a file, in a browser of its own.
func openPage(t *testing.T, html string) *tab {
	t.Helper()
	chromium := oracle.Tool(t, "chromium", "chromium")
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 900))
	limited, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	allocator, cancel := chromedp.NewExecAllocator(limited, options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &tab{T: t, ctx: ctx}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	b.watch("file://" + file)
	b.do(chromedp.Navigate("file://" + file))
	return b
}

// watch notes exceptions, messages, dialogs and requests other than for the page.
func (b *tab) watch(url string) {
	note := func(format string, args ...any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.trouble = append(b.trouble, fmt.Sprintf(format, args...))
	}
	err := chromedp.Listen(b.ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			note("exception: %s %s", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description)
		case *runtime.EventConsoleAPICalled:
			note("console.%s", e.Type)
		case *log.EventEntryAdded:
			note("log: %s %s", e.Entry.Level, e.Entry.Text)
		case *page.EventJavascriptDialogOpening:
			note("dialog: %s", e.Message)
		case *network.EventRequestWillBeSent:
			if e.Request.URL != url && e.Request.URL != "data:," {
				note("request: %s", e.Request.URL)
			}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
}

// quiet fails the test if the page did anything that watch notes.
func (b *tab) quiet() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.trouble {
		b.Errorf("the page did what it must not: %s", text)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// eval is the value of an expression in the page.
func eval[T any](b *tab, expression string) T {
	b.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for an expression to become true.
func (b *tab) until(expression string) {
	b.Helper()
	for deadline := time.Now().Add(time.Minute); !eval[bool](b, "!!("+expression+")"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("never: %s", expression)
		}
	}
}

// is compares the value of an expression.
func is[T any](b *tab, expression string, want T) {
	b.Helper()
	if diff := cmp.Diff(want, eval[T](b, expression)); diff != "" {
		b.Errorf("%s: %s", expression, diff)
	}
}

// fill sets a field of the filter as a person does, and waits for the result.
func (b *tab) fill(name, value, count string) {
	b.Helper()
	eval[bool](b, fmt.Sprintf(`(() => { const field = document.querySelector("#view-main .filters").elements[%q]; field.value = %q;
		field.dispatchEvent(new Event("input", { bubbles: true })); return field.value === %[2]q })()`, name, value))
	b.until(fmt.Sprintf(`document.querySelector("#view-main output").textContent === %q`, count))
}

// emulate sets what the person prefers, and the width of the window.
func (b *tab) emulate(scheme string, width int64) {
	b.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
		b.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(width, 900))
}
