package importers

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"cfsverify/importers/source"
)

// Check finds what is wrong with sources that are to be read by the same options before
// anything of them is read: two that are standard input, files that are not there, what
// another transport is for, and a content store for labels that is not there. What is wrong
// with a single one, who reads it says as well.
func Check(o Options, sources ...source.Source) error {
	var files []string
	for _, s := range sources {
		files = append(files, s.Files()...)
	}
	if len(files)-len(slices.DeleteFunc(slices.Clone(files), func(name string) bool { return name == "-" })) > 1 {
		return errors.New("standard input (-) can be read only once: write one of the sources to a file")
	}
	if len(files) > 1 {
		for _, s := range sources {
			if err := checkOneOfMany(s); err != nil {
				return err
			}
		}
	}
	if o.Labels && o.LabelStore != "" && slices.ContainsFunc(sources, source.Source.IsFinal) {
		if info, err := os.Stat(o.LabelStore); err != nil {
			return fmt.Errorf("the content store: %w", err)
		} else if !info.IsDir() {
			return fmt.Errorf("the content store %q is no directory", o.LabelStore)
		}
	}
	return nil
}

// checkOneOfMany checks a source beside which others are read: one that never ends must
// not keep the mistake in another from being told.
func checkOneOfMany(s source.Source) error {
	for _, name := range s.Files() {
		if name == "-" {
			continue
		}
		if _, err := os.Stat(name); err != nil {
			return fmt.Errorf("%v: %w", s, err)
		}
	}
	return s.Check()
}
