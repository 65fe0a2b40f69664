package cmd

import (
	"errors"
	"fmt"
	"strings"

	"cfsverify/compare/verify"
)

// advise gives the text of an error as the user sees it. Libraries say what is wrong,
// and know no flags: what a flag can do about it is said here, behind the text of the
// error that it is about.
func advise(err error) string {
	advice, about := adviceFor(err)
	if about == nil {
		return err.Error()
	}
	return strings.Replace(err.Error(), about.Error(), about.Error()+": "+advice, 1)
}

// adviceFor gives the advice on an error of a library, and that error: nil without one.
func adviceFor(err error) (advice string, about error) {
	var versions *verify.VersionsError
	switch {
	case errors.As(err, &versions):
		return fmt.Sprintf("compare the trees with --erofs-version %d", versions.Versions[0]), versions
	}
	return "", nil
}
