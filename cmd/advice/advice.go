// Package advice says which flags of the command line help against what libraries find
// wrong. What is wrong, they say themselves.
package advice

import (
	"errors"
	"fmt"
	"strings"

	"cfsverify/canon/policy"
	"cfsverify/canon/selinux"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/identify"
	"cfsverify/compare/seals"
	"cfsverify/compare/verify"
	"cfsverify/importers/composefs"
	"cfsverify/importers/content"
	"cfsverify/importers/engine"
	"cfsverify/importers/image"
	"cfsverify/importers/layout"
	"cfsverify/importers/limits"
	"cfsverify/importers/objects"
	"cfsverify/importers/scan"
	"cfsverify/reports"
)

// Of gives the text of an error as the user sees it. Libraries say what is wrong,
// and know no flags: what a flag can do about it is said here, in the text of the
// error that it is about.
func Of(err error) string {
	text, about := advised(err)
	if about == nil {
		return lines(err)
	}
	return strings.Replace(lines(err), about.Error(), text, 1)
}

// lines is the text of an error in which each of errors that were joined begins a line, as
// lines of ours do: with two spaces.
func lines(err error) string {
	text := err.Error()
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		if inner := wrapper.Unwrap(); inner != nil {
			text = strings.Replace(text, inner.Error(), lines(inner), 1)
		}
	case interface{ Unwrap() []error }:
		var plain, own []string
		for _, inner := range wrapper.Unwrap() {
			plain, own = append(plain, inner.Error()), append(own, lines(inner))
		}
		if text == strings.Join(plain, "\n") {
			return strings.Join(own, "\n  ")
		}
		for i := range plain {
			text = strings.Replace(text, plain[i], own[i], 1)
		}
	}
	return text
}

// advised finds the error of a library that there is advice for, and gives its text
// with the advice; nil without one.
func advised(err error) (text string, about error) {
	var (
		root     *policy.RootError
		run      *policy.RunError
		labels   *policy.LabelsError
		rule     *selinux.Error
		limit    *limits.LimitError
		timeout  *limits.TimeoutError
		search   *seals.TimeoutError
		untried  *seals.UntriedError
		identity *identify.TimeoutError
		hash     *composefs.HashError
		bytes    *composefs.OtherBytesError
		mounts   *scan.MountsError
		platform *image.PlatformError
		missing  *content.MissingError
		versions *verify.VersionsError
		unknown  *engine.NameError
		doubt    *verify.DoubtError
		xattr    *tarfile.XattrError
		busy     *layout.BusyError
		space    *objects.SpaceError
	)
	switch {
	case errors.As(err, &root) && root.Rule == policy.RootCreated:
		return "--root created needs an image config with a creation time: use another --root rule, such as newest", root
	case errors.As(err, &root) && root.Usr != 0:
		return root.Error() + ": use another --root rule, such as newest or keep", root
	case errors.As(err, &root):
		return root.Error() + ": use another --root rule, such as newest or keep, or --policy raw", root
	case errors.As(err, &rule) && rule.FollowedByScan:
		return rule.Error() + "; cfsctl refuses it in an image, but follows it in a directory, on the host: so a digest that it makes in a build is of no use", rule
	case errors.As(err, &labels):
		return labels.Error() + ": make the dump file with --bootable, so that it has the labels, name a content store that has the file with --objects, or take the image or directory itself", labels
	case errors.As(err, &run):
		return run.Error() + ": use --run keep", run
	case errors.As(err, &limit):
		return limit.Error() + ": " + limitAdvice(limit.Limit), limit
	case errors.As(err, &timeout):
		return timeout.Error() + ": allow more with --timeout", timeout
	case errors.As(err, &search):
		return search.Error() + ": allow more with --timeout", search
	case errors.As(err, &untried):
		return untried.Error() + ": name what was sealed with --inside", untried
	case errors.As(err, &busy):
		return busy.Error() + ": allow more with --timeout", busy
	case errors.As(err, &space):
		return space.Error() + ": set TMPDIR to a directory with more room", space
	case errors.As(err, &identity):
		return identity.Error() + ": allow more with --timeout", identity
	case errors.As(err, &hash):
		return fmt.Sprintf("%v: add --hash %v", hash, hash.Has), hash
	case errors.As(err, &bytes):
		return bytes.Error() + "; with --lenient its tree is taken, whose digest is not that of the file", bytes
	case errors.As(err, &mounts):
		return fmt.Sprintf("%q has other mounts in it, which are no part of the image: unmount them, or choose with --mounts to skip or to cross them:%s",
			mounts.Root, mounts.Listing()), mounts
	case errors.As(err, &platform):
		return platform.Error() + ": choose one with --platform", platform
	case errors.As(err, &missing):
		return missing.Error() + ": name the content store with --objects", missing
	case errors.As(err, &xattr):
		return xattr.Error() + ": leave it out with --xattrs allowlist; cfsverify repair removes it from the layers of an image", xattr
	case errors.As(err, &unknown):
		return fmt.Sprintf("--engine %q is not known: use %s", unknown.Name, strings.Join(unknown.Known, " or ")), unknown
	case errors.As(err, &doubt):
		return fmt.Sprintf("%v: say %s if %s was prepared, or --bootable=false to compare both as they are", doubt, reports.BootFlags(doubt.Prepared), doubt.Name), doubt
	case errors.As(err, &versions):
		return fmt.Sprintf("%v: compare the trees with --erofs-version %d", versions, versions.Versions[0]), versions
	}
	return "", nil
}

func limitAdvice(limit limits.Limit) string {
	switch limit {
	case limits.RatioLimit:
		return "if you trust the image, raise --max-ratio"
	case limits.EntriesLimit:
		return "if you trust it, raise --max-entries"
	case limits.MetadataLimit:
		return "if you trust it, raise --max-metadata"
	}
	return "if you trust it, raise --max-size"
}

// Wrap is an error that says what Of says, for a report that tells it; nil for nil.
func Wrap(err error) error {
	if err == nil {
		return nil
	}
	return advisedError{err}
}

type advisedError struct{ error }

func (e advisedError) Error() string { return Of(e.error) }
func (e advisedError) Unwrap() error { return e.error }

// OfConsumers says what to do about an image of which bootc and composefs-rs make what other
// layer rules make of it.
func OfConsumers(o *verify.OtherRules) string {
	const repair = "cfsverify repair writes the image anew, so that all tools read it alike"
	if o.Err != nil {
		return fmt.Sprintf("bootc and composefs-rs read layers by the rules composefs-rs, so there is no argument for them: %s", repair)
	}
	return fmt.Sprintf("bootc and composefs-rs read layers by the rules composefs-rs: their argument is printed with --layer-rules composefs-rs; %s", repair)
}

// WrapSide gives advice on why other layer rules refuse an image.
func WrapSide(s *verify.Side) {
	if o := s.OtherRules; o != nil {
		o.Err = Wrap(o.Err)
	}
}

// WrapResult gives advice on what a comparison tells of.
func WrapResult(r *verify.Result) {
	WrapSide(&r.A)
	WrapSide(&r.B)
	if r.Recognised != nil {
		r.Recognised.Err = Wrap(r.Recognised.Err)
	}
}

// WrapSeals gives advice on why seals cannot be checked or explained.
func WrapSeals(checked []seals.Checked) {
	for i := range checked {
		checked[i].Why, checked[i].SearchErr = Wrap(checked[i].Why), Wrap(checked[i].SearchErr)
	}
}
