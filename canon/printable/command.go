package printable

// commands finds what a CI system takes for a command in what a program prints. GitHub
// Actions do so with "::" at the beginning of a line, white space aside, and with "##[" and
// a name anywhere (actions/runner, src/Runner.Common/ActionCommand.cs); others with "##" and
// a word before the bracket, such as Azure's "##vso[".
type commands struct {
	// inLine says that the line has more than white space.
	inLine bool
	// colon says that a colon begins the line, and is the last character.
	colon bool
	// hashes are how many of "##" there are, a word behind them aside.
	hashes int
}

// completes says that a command would begin with the next character, which must then be
// written in another way.
func (c *commands) completes(r rune) bool {
	found := r == ':' && c.colon || r == '[' && c.hashes >= 2
	c.colon = r == ':' && !c.inLine && !found
	switch r {
	case '\n':
		c.inLine = false
	case ' ', '\t':
	default:
		c.inLine = true
	}
	isLetter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	switch {
	case r == '#':
		c.hashes++
	case !isLetter || c.hashes < 2:
		c.hashes = 0
	}
	return found
}

// plain is how many bytes follow that neither are escaped nor change anything here. Most of
// a document is such.
func (c *commands) plain(text []byte) int {
	if !c.inLine || c.colon || c.hashes > 0 {
		return 0
	}
	for i, b := range text {
		if b < ' ' || b > '~' || b == '#' {
			return i
		}
	}
	return len(text)
}
