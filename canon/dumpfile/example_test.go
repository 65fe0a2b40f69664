package dumpfile_test

import (
	"fmt"
	"os"
	"strings"

	"cfsverify/canon/dumpfile"
)

func Example() {
	dump := `/ 4096 40555 3 0 0 0 1700000000.0 - - -
/etc 4096 40755 2 0 0 0 1700000000.0 - - -
/etc/motd 3 100644 2 0 0 0 1700000000.0 - hi\n - user.a=1
/etc/issue - @100644 - - - - - /etc/motd - -
`
	tree, err := dumpfile.Parse(strings.NewReader(dump), dumpfile.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q\n", tree.Lookup("/etc/issue").Node.Content.Inline)
	if err := dumpfile.Write(os.Stdout, tree); err != nil {
		fmt.Println(err)
	}
	// Output:
	// "hi\n"
	// / 0 40555 3 0 0 0 1700000000.0 - - -
	// /etc 0 40755 2 0 0 0 1700000000.0 - - -
	// /etc/issue 3 @100644 2 0 0 0 1700000000.0 /etc/motd hi\n - user.a=1
	// /etc/motd 3 100644 2 0 0 0 1700000000.0 - hi\n - user.a=1
}

func ExampleError() {
	_, err := dumpfile.Parse(strings.NewReader("/ 0 40755 2 0 0 0 1700000000.0 - - -\n/etc/motd 0 100644 1 0 0 0 0.0 - - -\n"), dumpfile.Options{})
	fmt.Println(err)
	// Output: line 2, column 1: "/etc/motd": there is no line for the directory "/etc" before this one
}
