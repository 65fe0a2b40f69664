package cmd

import (
	"errors"
	"strings"

	"cfsverify/canon/policy"
)

// advise gives the text of an error as the user sees it. Libraries say what is wrong,
// and know no flags: what a flag can do about it is said here, in the text of the
// error that it is about.
func advise(err error) string {
	text, about := advised(err)
	if about == nil {
		return err.Error()
	}
	return strings.Replace(err.Error(), about.Error(), text, 1)
}

// advised finds the error of a library that there is advice for, and gives its text
// with the advice; nil without one.
func advised(err error) (text string, about error) {
	var root *policy.RootError
	var run *policy.RunError
	switch {
	case errors.As(err, &root) && root.Rule == policy.RootCreated:
		return "--root created needs an image config with a creation time: use another --root rule, such as newest", root
	case errors.As(err, &root) && root.Usr != 0:
		return root.Error() + ": use another --root rule, such as newest or keep", root
	case errors.As(err, &root):
		return root.Error() + ": use another --root rule, such as newest or keep, or --policy raw", root
	case errors.As(err, &run):
		return run.Error() + ": use --run keep", run
	}
	return "", nil
}
