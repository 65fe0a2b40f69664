package cmd

import (
	"errors"
	"fmt"
	"strings"

	"cfsverify/importers"
)

// advise gives the text of an error with the flag that helps: libraries say what is
// wrong, and do not know the command line.
func advise(err error) string {
	text := err.Error()
	told := func(about error, format string, args ...any) {
		text = strings.Replace(text, about.Error(), fmt.Sprintf(format, args...), 1)
	}
	var (
		limit    *importers.LimitError
		timeout  *importers.TimeoutError
		hash     *importers.HashError
		bytes    *importers.OtherBytesError
		mounts   *importers.MountsError
		platform *importers.PlatformError
	)
	if errors.As(err, &limit) {
		told(limit, "%v: %s", limit, limitAdvice(limit.Limit))
	}
	if errors.As(err, &timeout) {
		told(timeout, "%v: allow more with --timeout", timeout)
	}
	if errors.As(err, &hash) {
		told(hash, "%v: add --hash %v", hash, hash.Has)
	}
	if errors.As(err, &bytes) {
		told(bytes, "%v; with --lenient its tree is taken, whose digest is not that of the file", bytes)
	}
	if errors.As(err, &mounts) {
		told(mounts, "%q has other mounts in it, which are no part of the image: unmount them, or choose with --mounts to skip or to cross them:%s", mounts.Root, mounts.Listing())
	}
	if errors.As(err, &platform) {
		told(platform, "%v: choose one with --platform", platform)
	}
	return text
}

func limitAdvice(limit importers.Limit) string {
	switch limit {
	case importers.RatioLimit:
		return "if you trust the image, raise --max-ratio"
	case importers.EntriesLimit:
		return "if you trust it, raise --max-entries"
	case importers.MetadataLimit:
		return "if you trust it, raise --max-metadata"
	}
	return "if you trust it, raise --max-size"
}
