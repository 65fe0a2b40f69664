package cmd

import "embed"

//go:embed help
var helpFiles embed.FS

// helpText is a text for the help of commands, of the folder help.
func helpText(name string) string {
	text, err := helpFiles.ReadFile("help/" + name + ".txt")
	if err != nil {
		// Only a name that is not there can be wrong.
		panic(err)
	}
	return string(text)
}
