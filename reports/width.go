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
