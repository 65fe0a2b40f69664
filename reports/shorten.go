package reports

import (
	"fmt"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"cfsverify/canon/printable"
)

// shorten takes characters out of the middle of a text of which more than room
// does not fit, and gives what is left before and behind them. tail is the part of
// room that the end may have; the beginning gets all that the end leaves. measure
// gives the length in bytes of a text's first character, and its size as room
// counts it.
func shorten(text string, room, tail int, measure func(string) (length, size int)) (head, end string) {
	var starts, sizes []int
	for at := 0; at < len(text); {
		length, size := measure(text[at:])
		starts, sizes = append(starts, at), append(sizes, size)
		at += length
	}
	starts = append(starts, len(text))
	first, last, used := 0, len(sizes), 0
	for last > 0 && used+sizes[last-1] <= tail {
		last--
		used += sizes[last]
	}
	for first < last && used+sizes[first] <= room {
		used += sizes[first]
		first++
	}
	return text[:starts[first]], text[starts[last]:]
}

// bytesOf measures the first code point of a text in bytes.
func bytesOf(text string) (length, size int) {
	_, length = utf8.DecodeRuneInString(text)
	return length, length
}

// columnsOf measures what a terminal shows as the first character of a text.
func columnsOf(text string) (length, size int) {
	cluster, _, width, _ := uniseg.FirstGraphemeClusterInString(text, -1)
	return len(cluster), width
}

// shortText takes out of the middle what is more than limit bytes.
func shortText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	half := (limit - len("…")) / 2
	head, end := shorten(s, 2*half, half, bytesOf)
	return head + "…" + end
}

// leastPath is how short a path becomes at most, in columns.
const leastPath = 24

// shortPath takes columns out of the middle of a path, so that it has at most
// width. Width 0 is no limit.
func shortPath(path string, width int) string {
	if width <= 0 || uniseg.StringWidth(path) <= max(width, leastPath) {
		return path
	}
	// The end, where the name is, gets the greater half.
	room := max(width, leastPath) - 1
	head, end := shorten(path, room, room-room/3, columnsOf)
	return head + "…" + end
}

// shownValue is how many bytes of a value are shown.
const shownValue = 120

// cutValue escapes the beginning of a value, and tells how long the whole is.
func cutValue(s string) string {
	if len(s) <= shownValue {
		return printable.Text(s)
	}
	end := 0
	for _, size := utf8.DecodeRuneInString(s); end+size <= shownValue; _, size = utf8.DecodeRuneInString(s[end:]) {
		end += size
	}
	return printable.Text(s[:end]) + fmt.Sprintf("… (%d bytes)", len(s))
}
