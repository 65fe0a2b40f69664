// Command init is the first program of a virtual machine: it loads the modules
// that the file /modules names and runs the commands in the file /commands. To the
// second serial port it writes "begin", "COMMAND: RESULT" for each command, and
// "done". The console is the first port, and the kernel's.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(); err != nil {
		fmt.Println("init:", err)
	}
	unix.Sync()
	// The kernel panics if its first program ends.
	fmt.Println("init:", unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
}

func run() error {
	for target, kind := range map[string]string{"/proc": "proc", "/dev": "devtmpfs"} {
		if _, err := mount(kind, kind, target); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
	}
	modules, err := os.ReadFile("/modules")
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(modules)) {
		if err := loadModule("/" + name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	answers, err := os.OpenFile("/dev/ttyS1", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	commands, err := os.ReadFile("/commands")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(answers, "\nbegin\n"); err != nil {
		return err
	}
	for command := range strings.SplitSeq(string(commands), "\n") {
		result, err := execute(strings.Fields(command))
		var errno syscall.Errno
		switch {
		case errors.As(err, &errno):
			result = unix.ErrnoName(errno)
			fmt.Printf("init: %s: %v\n", command, err)
		case err != nil:
			result = err.Error()
		case result == "":
			result = "ok"
		}
		if _, err := fmt.Fprintf(answers, "%s: %s\n", command, result); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(answers, "done")
	// Closing waits until all is sent.
	return errors.Join(err, answers.Close())
}

// execute runs one command.
func execute(words []string) (result string, err error) {
	name, args := words[0], words[1:]
	commands := map[string]struct {
		args int
		run  func(args ...string) (string, error)
	}{
		"mount":   {3, mount},
		"umount":  {1, umount},
		"cmdline": {0, cmdline},
		"verity":  {2, enableVerity},
		"digest":  {1, measureVerity},
		"read":    {1, read},
		"write":   {1, openForWriting},
		"replace": {1, replace},
		"flip":    {3, flip},
		"program": {1, program},
	}
	c, known := commands[name]
	if !known || len(args) < c.args {
		return "", fmt.Errorf("no such command")
	}
	return c.run(args...)
}
