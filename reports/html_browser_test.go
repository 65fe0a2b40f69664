package reports

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/verify"
)

// shownPaths are those of the entries that findings list.
const shownPaths = `[...document.querySelectorAll("#view-main .finding:not([hidden]) .entry .path")].map((e) => e.textContent)`

// shownRows are the names in the tree, in order, with what a reader of the screen
// is told.
const shownRows = `[...document.querySelectorAll("#view-main .tree [role=treeitem]")].map((e) => e.getAttribute("aria-label"))`

// focused is what a reader of the screen is told of the focus.
const focused = `document.activeElement.getAttribute("aria-label")`

// TestBrowserNotices: a page that does what a report must not is found out.
func TestBrowserNotices(t *testing.T) {
	b := openPage(t, `<!DOCTYPE html><title>x</title><script>
		console.log("x"); fetch("http://127.0.0.1:1/x").catch(() => {}); setTimeout(() => { throw new Error("thrown") }, 0)</script><img src="x.png">`)
	b.until(`document.readyState === "complete"`)
	time.Sleep(200 * time.Millisecond)
	b.mu.Lock()
	defer b.mu.Unlock()
	all := strings.Join(b.trouble, "\n")
	for _, want := range []string{"console.log", "request: http://127.0.0.1:1/x", "exception: ", "x.png"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q was not noticed:\n%s", want, all)
		}
	}
}

func TestBrowserSummary(t *testing.T) {
	for name, r := range allReports() {
		t.Run(name, func(t *testing.T) {
			b := openPage(t, writeHTML(t, r))
			b.until(`"ready" in document.documentElement.dataset`)
			is(b, `document.querySelector("h1 strong").textContent`, strings.ToUpper(string(r.Conclusion())))
			is(b, `document.querySelectorAll(".copy").length >= 2`, true)
			b.quiet()
		})
	}
}

// TestBrowserIgnored: what does not count has a mark of its own, and a filter.
func TestBrowserIgnored(t *testing.T) {
	b := openPage(t, writeHTML(t, ignored()))
	b.until(`"ready" in document.documentElement.dataset`)
	is(b, `[...document.querySelectorAll("#view-main .finding .badge.accepted")].map((e) => e.textContent).sort().join()`, "accepted"+strings.Repeat(",ignored", 6))
	is(b, `[...document.querySelectorAll("#view-main .gate option")].map((e) => e.textContent).join()`, "any,ignored (6),accepted (1)")
	b.quiet()
}

func TestBrowserFilters(t *testing.T) {
	r := showcase()
	b := openPage(t, writeHTML(t, r))
	b.until(`"ready" in document.documentElement.dataset`)
	total := fmt.Sprintf("%d entries", len(r.Differences))
	is(b, `document.querySelector("#view-main output").textContent`, total)
	of := " of " + total

	paths := func(fits func(f blame.Finding, e blame.Entry) bool) []string {
		var list []string
		for _, f := range r.Findings {
			n := 0
			for _, e := range f.Entries {
				if fits(f, e) && n < 10 {
					n++
					list = append(list, printable.Text(e.Path))
				}
			}
		}
		return list
	}
	for _, tt := range []struct {
		name, value, count string
		fits               func(f blame.Finding, e blame.Entry) bool
	}{
		{"cause", "capability-lost", "1", func(f blame.Finding, e blame.Entry) bool { return f.Cause == blame.CapabilityLost }},
		{"cause", "subsecond-mtime", "24", func(f blame.Finding, e blame.Entry) bool { return f.Cause == blame.SubsecondMtime }},
		{"text", "MODULE-1", "10", func(f blame.Finding, e blame.Entry) bool { return strings.Contains(e.Path, "module-1") }},
		{"text", `\xe2\x80\xae`, "1", func(f blame.Finding, e blame.Entry) bool { return strings.Contains(e.Path, "\u202e") }},
		{"side", "only-in-a", "1", func(f blame.Finding, e blame.Entry) bool { return e.Status == compare.OnlyInA }},
		{"layer", "b2", "2", func(f blame.Finding, e blame.Entry) bool { return e.Origin != nil && e.Origin.Layer.Index == 2 }},
		{"field", "xattr security.capability", "1", func(f blame.Finding, e blame.Entry) bool {
			return slices.Contains(e.Explained, compare.Change{Field: compare.Xattr, Xattr: "security.capability"})
		}},
		{"field", "-", "2", func(f blame.Finding, e blame.Entry) bool { return e.Status != compare.Changed }},
	} {
		b.fill(tt.name, tt.value, tt.count+of)
		is(b, shownPaths, paths(tt.fits))
		b.do(chromedp.Click(chromedp.CSS(`#view-main .filters button[type=reset]`)))
		b.until(fmt.Sprintf(`document.querySelector("#view-main output").textContent === %q`, total))
	}
	b.fill("text", "/no/such/path", "0"+of)
	is(b, `document.querySelector("#view-main .none").hidden`, false)
	b.fill("text", "", total)

	// The bar of a layer is a filter, and keeps the focus.
	b.do(chromedp.Click(chromedp.CSS(`#view-main .layer[data-layer="b2"]`)))
	b.until(fmt.Sprintf(`document.querySelector("#view-main output").textContent === %q`, "2"+of))
	is(b, `document.activeElement.dataset.layer + " " + document.activeElement.getAttribute("aria-pressed")`, "b2 true")
	b.do(chromedp.KeyEvent(" "))
	b.until(fmt.Sprintf(`document.querySelector("#view-main output").textContent === %q`, total))

	// A list is paged, and a row shows the entry.
	is(b, `document.querySelectorAll("#main-0 .entry, #main-1 .entry, #main-2 .entry, #main-3 .entry, #main-4 .entry").length > 10`, true)
	b.fill("cause", "subsecond-mtime", "24"+of)
	b.do(chromedp.Click(chromedp.CSS(`#view-main .finding:not([hidden]) .more`)))
	is(b, `document.querySelectorAll("#view-main .finding:not([hidden]) .entry").length`, 24)
	is(b, `document.activeElement.textContent`, "/usr/lib/modules/6.12/module-10.ko.xz")
	b.do(chromedp.KeyEvent(kb.Enter))
	is(b, `document.activeElement.getAttribute("aria-expanded")`, "true")
	is(b, `[...document.querySelector(".entry-list .entry-view").querySelectorAll("tr.differs td")].map((e) => e.textContent)`,
		[]string{"2026-03-01T12:00:00.011000033Z", "2026-03-01T12:00:00.000000000Z"})
	b.quiet()
}

// TestBrowserValues: the page shows the values of changes as the text report does.
func TestBrowserValues(t *testing.T) {
	r := sample()
	b := openPage(t, writeHTML(t, r))
	b.until(`"ready" in document.documentElement.dataset`)
	var want []string
	for _, f := range r.Findings {
		for _, e := range f.Entries {
			for _, c := range e.Explained {
				if c.Field == compare.MtimeNsec {
					continue
				}
				want = append(want, fmt.Sprintf("%s: %s, %s", changeName(c), shortValue(fieldText(c, sideA(c, e.Difference))), shortValue(fieldText(c, sideB(c, e.Difference)))))
			}
		}
	}
	is(b, `[...document.querySelectorAll("#view-main .change")].map((e) => e.querySelector(".field").textContent + ": " + e.querySelector(".side-a").textContent + ", " + e.querySelector(".side-b").textContent)`, want)
	b.quiet()
}

// shortValue is as short as the page shows values in lists.
func shortValue(s string) string {
	if len(s) <= 60 {
		return s
	}
	return s[:29] + "…" + s[len(s)-29:]
}

func TestBrowserTree(t *testing.T) {
	r := showcase()
	b := openPage(t, writeHTML(t, r))
	b.until(`"ready" in document.documentElement.dataset`)
	is(b, `document.querySelectorAll("#view-main .tree").length`, 1)

	// By keyboard: from the root down, into a directory, and out of it.
	b.do(chromedp.Click(chromedp.CSS(`#view-main .collapse`)))
	is(b, shownRows, []string{
		fmt.Sprintf("/, directory, %d differences below", len(r.Differences)), "etc, directory, 3 differences below", "usr, directory, 27 differences below", "var, directory, 1 difference below"})
	b.do(chromedp.Focus(chromedp.CSS(`#view-main .tree [tabindex="0"]`)), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown))
	is(b, focused, "usr, directory, 27 differences below")
	b.do(chromedp.KeyEvent(kb.ArrowRight))
	is(b, `document.activeElement.getAttribute("aria-expanded")`, "true")
	b.do(chromedp.KeyEvent(kb.ArrowRight))
	is(b, focused, "bin, directory, 2 differences below")
	b.do(chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowDown))
	is(b, focused, "su, file, differs: mode")
	b.do(chromedp.KeyEvent(kb.Enter))
	is(b, `document.querySelector("#view-main .detail .entry-path .path").textContent`, "/usr/bin/su")
	is(b, `[...document.querySelectorAll("#view-main .detail tr.differs td")].map((e) => e.textContent)`, []string{"0644", "4755"})
	is(b, `document.querySelector("#view-main .detail .facts").textContent.includes("./usr/bin/su")`, true)
	is(b, `document.querySelectorAll("#view-main [aria-selected=true]").length`, 1)
	b.do(chromedp.KeyEvent(kb.ArrowLeft), chromedp.KeyEvent(kb.ArrowLeft))
	is(b, focused, "bin, directory, 2 differences below")
	is(b, `document.activeElement.getAttribute("aria-expanded")`, "false")
	b.do(chromedp.KeyEvent(kb.End))
	is(b, focused, "var, directory, 1 difference below")
	b.do(chromedp.KeyEvent(kb.ArrowUp))
	is(b, focused, "share, directory, differs: mode, mtime, mtime-nsec")
	b.do(chromedp.KeyEvent(kb.Home))
	is(b, `document.activeElement.getAttribute("aria-level")`, "1")
	is(b, `document.querySelectorAll("#view-main .tree [tabindex='0']").length`, 1)

	// By mouse.
	b.do(chromedp.Click(chromedp.CSS(`#view-main .tree [aria-label^="etc,"] .twisty`)))
	is(b, `[...document.querySelector('#view-main [aria-label^="etc,"] [role=group]').children].map((e) => e.getAttribute("aria-label"))`,
		[]string{"machine-id, file, differs: content", "os-release, file, differs: uid, gid", "resolv.conf, file, only inside"})
	b.do(chromedp.Click(chromedp.CSS(`#view-main .tree [aria-label^="resolv.conf,"] .name`)))
	is(b, `document.querySelector("#view-main .detail .badge").textContent`, "only inside")
	is(b, `document.querySelector('#view-main [aria-label^="resolv.conf,"] .cell.side-b').classList.contains("absent")`, true)

	// All names.
	b.do(chromedp.Click(chromedp.CSS(`#view-main .show-all`)), chromedp.Click(chromedp.CSS(`#view-main .expand`)))
	want := 0
	for range r.A.Tree.All() {
		want++
	}
	is(b, `document.querySelectorAll("#view-main .tree [role=treeitem]").length`, want+1) // and one only outside
	is(b, `[...document.querySelectorAll("#view-main .tree [role=treeitem]")].map((e) => e.getAttribute("aria-label")).filter((s) => s.startsWith("tool-0")).length`, 10)
	b.do(chromedp.Click(chromedp.CSS(`#view-main .show-all`)), chromedp.Click(chromedp.CSS(`#view-main .expand`)))
	is(b, `document.querySelector("#view-main .tree").textContent.includes("tool-0")`, false)
	b.quiet()
}

func TestBrowserCopies(t *testing.T) {
	r := sample()
	b := openPage(t, writeHTML(t, r))
	b.until(`"ready" in document.documentElement.dataset`)
	if _, err := chromedp.CallBrowser(b.ctx, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "clipboard-write"}, Setting: browser.PermissionSettingGranted}); err != nil {
		t.Logf("permission: %v", err)
	}
	// What reaches the clipboard is what the page hands over.
	eval[bool](b, `(() => { const write = navigator.clipboard.writeText.bind(navigator.clipboard);
		navigator.clipboard.writeText = (text) => { window.copied = text; return write(text) }; return true })()`)
	b.do(chromedp.Click(chromedp.CSS(`.side-a .copy`)))
	b.until(`document.querySelector(".side-a .copy").textContent === "Copied"`)
	is(b, `window.copied`, r.A.Digest.String())
	is(b, `document.getElementById("said").textContent`, "Copied the digest of inside")
	// Without the interface of the clipboard by a selection.
	eval[bool](b, `(() => { navigator.clipboard.writeText = () => Promise.reject(new Error("no"));
		document.addEventListener("copy", () => { window.copied = document.activeElement.value }); return true })()`)
	b.do(chromedp.Click(chromedp.CSS(`.side-b .copy`)))
	b.until(`document.querySelector(".side-b .copy").textContent === "Copied"`)
	is(b, `window.copied`, r.B.Digest.String())
	is(b, `document.activeElement.className`, "copy")
	b.quiet()
}

// TestBrowserHostileNames: names are text, whatever is in them, and nothing runs.
func TestBrowserHostileNames(t *testing.T) {
	r := hostile()
	b := openPage(t, writeHTML(t, r))
	b.until(`"ready" in document.documentElement.dataset`)
	b.do(chromedp.Click(chromedp.CSS(`#view-main .show-all`)), chromedp.Click(chromedp.CSS(`#view-main .expand`)), chromedp.Click(chromedp.CSS(`#view-masked .expand`)))
	eval[bool](b, `(() => { for (let button of document.querySelectorAll(".more")) while (!button.hidden) button.click();
		for (const button of document.querySelectorAll(".entry")) button.click(); 
		for (const details of document.querySelectorAll("details")) details.open = true; return true })()`)
	is(b, `document.querySelectorAll("img, svg, iframe, object, embed, b:not(.chip b), script:not([id]):not(:last-of-type)").length`, 0)
	is(b, `document.querySelectorAll("script").length`, 3)
	is(b, `[...document.querySelectorAll("*")].filter((e) => [...e.attributes].some((a) => a.name.startsWith("on"))).length`, 0)
	is(b, `[...document.querySelectorAll("a")].filter((e) => !e.href.startsWith("https://") && !e.classList.contains("skip")).length`, 0)
	is(b, `/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText)`, false)
	var names []string
	for _, n := range hostileNames() {
		names = append(names, printable.Text(n))
	}
	slices.Sort(names)
	is(b, `[...document.querySelectorAll('#view-main .tree [aria-label^="same,"] [role=group] > li > .row > .side-a .name')].map((e) => e.textContent).sort()`, names)
	b.until(fmt.Sprintf(`%s.includes(%q)`, shownPaths, "/</script><img src=x onerror=alert(1)>"))
	// The list of PAX records has every key, those that scripts know as well.
	is(b, `[...document.querySelectorAll(".entry-view dt")].some((e) => e.textContent === "__proto__")`, true)
	time.Sleep(200 * time.Millisecond)
	b.quiet()
}

// contrastScript finds the text of least contrast, as WCAG 2.2 defines it.
const contrastScript = `((selector) => {
	const rgb = (text) => text.match(/[\d.]+/g).map(Number);
	const light = (c) => { const f = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 }; return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]) };
	let least = 99, where = "";
	for (const e of document.querySelectorAll(selector)) {
		if (!e.checkVisibility() || !e.textContent.trim()) continue;
		let back = e, colour;
		do { colour = rgb(getComputedStyle(back).backgroundColor); back = back.parentElement } while (back && colour.length > 3 && colour[3] === 0);
		const pair = [light(rgb(getComputedStyle(e).color)), light(colour)].sort((x, y) => y - x);
		const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
		if (ratio < least) { least = ratio; where = e.tagName + "." + e.className + ": " + e.textContent.slice(0, 40) }
	}
	return { Ratio: least, Where: where };
})`

// TestBrowserThemes: both themes have the contrast that WCAG 2.2 asks for at level
// AA, and the button goes through them.
func TestBrowserThemes(t *testing.T) {
	b := openPage(t, writeHTML(t, gatedShowcase()))
	b.until(`"ready" in document.documentElement.dataset`)
	eval[bool](b, `(() => { document.querySelector("#view-main .entry").click(); document.querySelector('#view-main .tree [aria-label^="su,"] .name').click(); return true })()`)
	background := `getComputedStyle(document.body).backgroundColor`
	look := map[string]string{}
	for _, scheme := range []string{"light", "dark"} {
		b.emulate(scheme, 1280)
		look[scheme] = eval[string](b, background)
		found := eval[struct {
			Ratio float64
			Where string
		}](b, contrastScript+`("body *")`)
		t.Logf("%s: least contrast %.2f at %s", scheme, found.Ratio, found.Where)
		if found.Ratio < 4.5 {
			t.Errorf("%s: contrast %.2f at %s", scheme, found.Ratio, found.Where)
		}
	}
	if look["light"] == look["dark"] {
		t.Error("the dark theme is the light one")
	}
	b.emulate("light", 1280)
	for _, want := range []string{"light", "dark"} {
		b.do(chromedp.Click(chromedp.CSS("#theme")))
		is(b, background, look[want])
		is(b, `document.getElementById("theme").textContent`, "Theme: "+want)
	}
	b.do(chromedp.Click(chromedp.CSS("#theme")))
	is(b, background, look["light"])
	b.quiet()
}

// TestBrowserWidths: no page needs to be scrolled sideways. CFSVERIFY_SCREENSHOTS
// names a directory for pictures.
func TestBrowserWidths(t *testing.T) {
	pictures := os.Getenv("CFSVERIFY_SCREENSHOTS")
	for name, r := range map[string]*verify.Result{"different": showcase(), "gated": gatedShowcase(), "same": same(), "hostile": hostile()} {
		b := openPage(t, writeHTML(t, r))
		b.until(`"ready" in document.documentElement.dataset`)
		eval[bool](b, `(() => { const entry = document.querySelector("#view-main .entry"); if (entry) entry.click();
			const row = document.querySelector('#view-main .tree [aria-label^="su,"] .name'); if (row) row.click(); document.activeElement.blur(); scrollTo(0, 0); return true })()`)
		for _, width := range []int64{1280, 800, 400} {
			for _, scheme := range []string{"light", "dark"} {
				b.emulate(scheme, width)
				if wide := eval[int64](b, `document.documentElement.scrollWidth`); wide > width {
					t.Errorf("%s: at %d px the page is %d px wide", name, width, wide)
				}
				if pictures == "" || width == 800 {
					continue
				}
				picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(pictures, fmt.Sprintf("%s-%s-%d.png", name, scheme, width))
				if err := os.WriteFile(file, picture, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		b.quiet()
	}
}

// TestBrowserAccessibility: every control has a name, and can be reached and seen
// by keyboard.
func TestBrowserAccessibility(t *testing.T) {
	b := openPage(t, writeHTML(t, gatedShowcase()))
	b.until(`"ready" in document.documentElement.dataset`)
	is(b, `[...document.querySelectorAll("button, a, summary")].filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label"))).length`, 0)
	is(b, `[...document.querySelectorAll("input, select")].filter((e) => e.labels.length === 0).length`, 0)
	is(b, `[...document.querySelectorAll("[aria-labelledby]")].filter((e) => !document.getElementById(e.getAttribute("aria-labelledby"))).length`, 0)
	is(b, `(() => { const ids = [...document.querySelectorAll("[id]")].map((e) => e.id); return ids.length - new Set(ids).size })()`, 0)
	is(b, `[...document.querySelectorAll("[role=group]")].filter((e) => !e.closest("[role=treeitem]") && !e.classList.contains("scroll")).length`, 0)
	is(b, `[...document.querySelectorAll("[role=treeitem]")].filter((e) => !e.closest("[role=tree]") || !e.getAttribute("aria-level")).length`, 0)
	is(b, `[...document.querySelectorAll("h1, h2, h3, h4, h5")].reduce((at, e) => at < 0 || Number(e.tagName[1]) > at + 1 ? -1 : Number(e.tagName[1]), 0) > 0`, true)
	// Tab begins with the way past the header, and shows where the focus is.
	b.do(chromedp.KeyEvent("\t"))
	is(b, `document.activeElement.className`, "skip")
	is(b, `document.activeElement.getBoundingClientRect().left >= 0`, true)
	seen := map[string]bool{}
	for range 40 {
		b.do(chromedp.KeyEvent("\t"))
		seen[eval[string](b, `document.activeElement.tagName`)] = true
		if outline := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement.firstElementChild || document.activeElement).outlineStyle`); !strings.Contains(outline, "solid") {
			t.Errorf("the focus does not show on %s", eval[string](b, `document.activeElement.outerHTML.slice(0, 100)`))
		}
	}
	for _, tag := range []string{"BUTTON", "INPUT", "SELECT", "SUMMARY"} {
		if !seen[tag] {
			t.Errorf("Tab does not reach a %s", tag)
		}
	}
	b.quiet()
}

// TestBrowserLarge: with 50,000 differences a person can work with the page.
func TestBrowserLarge(t *testing.T) {
	r := large(50_000)
	html := writeHTML(t, r)
	start := time.Now()
	b := openPage(t, html)
	b.until(`"ready" in document.documentElement.dataset`)
	opened := time.Since(start)
	ready := eval[float64](b, `performance.now()`)
	paint := eval[float64](b, `performance.getEntriesByName("first-contentful-paint")[0].startTime`)
	rows := eval[int](b, `document.querySelectorAll("*").length`)
	start = time.Now()
	b.fill("text", "file-with-a-name-of-usual-length-0499", "100 of 50,000 entries")
	searched := time.Since(start)
	start = time.Now()
	b.fill("text", "", "50,000 entries")
	cleared := time.Since(start)
	start = time.Now()
	b.do(chromedp.Click(chromedp.CSS(`#view-main .expand`)))
	expanded := time.Since(start)
	is(b, `document.querySelector("#view-main .tree-note").textContent.startsWith("Only the first ")`, true)
	start = time.Now()
	b.do(chromedp.Click(chromedp.CSS(`#view-main .show-all`)))
	all := time.Since(start)
	t.Logf("%d bytes; opened after %v with the browser's start, first paint %.0f ms, ready %.0f ms by the page's own clock; %d elements; search %v, clear %v, expand %v, all names %v",
		len(html), opened, paint, ready, rows, searched, cleared, expanded, all)
	for what, took := range map[string]time.Duration{"opening": opened, "search": searched, "clearing": cleared, "expanding": expanded, "all names": all} {
		if took > 20*time.Second {
			t.Errorf("%s takes %v", what, took)
		}
	}
	if rows > 5000 {
		t.Errorf("the page begins with %d elements", rows)
	}
	is(b, `document.querySelectorAll("#view-main .tree [role=treeitem]").length <= 2500`, true)
	b.quiet()
}

// TestBrowserNumbers: 64 bits reach the page as they are.
func TestBrowserNumbers(t *testing.T) {
	a, c := canon.NewTree(), canon.NewTree()
	a.Root.Put(canon.Dirent{Name: "x", Node: &canon.Node{Kind: canon.Regular, Size: 1<<64 - 1, Mtime: canon.Time{Sec: -1 << 63}}})
	c.Root.Put(canon.Dirent{Name: "x", Node: &canon.Node{Kind: canon.Regular, Size: 1<<64 - 2, Mtime: canon.Time{Sec: 253402300800, Nsec: 1}}})
	b := openPage(t, writeHTML(t, reportOf(a, c)))
	b.until(`"ready" in document.documentElement.dataset`)
	b.do(chromedp.Click(chromedp.CSS(`#view-main .tree [aria-label^="x,"] .name`)))
	is(b, `[...document.querySelectorAll("#view-main .detail tr.differs td")].map((e) => e.textContent)`,
		[]string{"@-9223372036854775808.000000000", "@253402300800.000000001", "18446744073709551615", "18446744073709551614"})
	b.quiet()
}
