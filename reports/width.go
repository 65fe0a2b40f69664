package reports

import (
	"strings"

	"github.com/rivo/uniseg"
)

// wrap breaks text into lines of at most width columns, at spaces; a word that
// is longer has a line of its own. The lines after the first begin with indent,
// and first is how many columns the first one has less. Width 0 is no limit.
func wrap(text string, width, first int, indent string) string {
	if width <= 0 {
		return text
	}
	var b strings.Builder
	at := first
	for i, word := range strings.Split(text, " ") {
		size := uniseg.StringWidth(word)
		switch {
		case i == 0:
		case at+1+size > width:
			b.WriteString("\n" + indent)
			at = len(indent)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += size
	}
	return b.String()
}

// leastPath is how short a path becomes at most, in columns.
const leastPath = 24

// shortenPath takes columns out of the middle of a path, so that it has at most
// width. Width 0 is no limit.
func shortenPath(path string, width int) string {
	if width <= 0 || uniseg.StringWidth(path) <= max(width, leastPath) {
		return path
	}
	width = max(width, leastPath)
	var clusters []string
	var sizes []int
	for g := uniseg.NewGraphemes(path); g.Next(); {
		clusters, sizes = append(clusters, g.Str()), append(sizes, g.Width())
	}
	// The end, where the name is, gets the greater half.
	room := width - 1
	head, tail := 0, len(clusters)
	used := 0
	for tail > 0 && used+sizes[tail-1] <= room-room/3 {
		tail--
		used += sizes[tail]
	}
	for head < tail && used+sizes[head] <= room {
		used += sizes[head]
		head++
	}
	return strings.Join(clusters[:head], "") + "…" + strings.Join(clusters[tail:], "")
}
