package overlay

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/overlayfs"
	"cfsverify/importers/scan"
	"cfsverify/testdata/files"
	"cfsverify/testdata/oracle"
)

// mounted mounts at a directory, unmounts when the test ends, and gives a function that
// unmounts before that.
func mounted(t testing.TB, fstype, source, target, data string) func() {
	t.Helper()
	if err := unix.Mount(source, target, fstype, 0, data); err != nil {
		oracle.Missing(t, fmt.Sprintf("cannot mount %s with %q: %v", fstype, data, err))
	}
	done := false
	unmount := func() {
		if !done {
			done = true
			if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(unmount)
	return unmount
}

// stack is a directory with layers in it, and how they are mounted.
type stack struct {
	files.Maker
	rules overlayfs.Rules
	// layers are names below the directory, the topmost first.
	layers []string
}

func newStack(t testing.TB, rules overlayfs.Rules, layers ...string) stack {
	t.Helper()
	oracle.Root(t)
	// The name of a test may have commas, which end mount options.
	dir, err := os.MkdirTemp("", "stack")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s := stack{files.New(t, dir), rules, layers}
	for _, dir := range append([]string{"empty", "merged"}, layers...) {
		s.Mkdir(dir)
	}
	return s
}

// lowerdir is the mount option for layers.
func (s stack) lowerdir(layers []string) string {
	var dirs []string
	for _, l := range append(layers[:len(layers):len(layers)], "empty") {
		dirs = append(dirs, s.Path(l))
	}
	return "lowerdir=" + strings.Join(dirs, ":")
}

func (s stack) options() string {
	switch {
	case s.rules.UserXattrs:
		return ",userxattr"
	case s.rules.Metacopy:
		return ",metacopy=on"
	}
	return ",metacopy=off"
}

// byKernel scans the mount.
func (s stack) byKernel() (*canon.Tree, error) {
	s.Helper()
	defer mounted(s, "overlay", "overlay", s.Path("merged"), s.lowerdir(s.layers)+s.options())()
	return scan.Directory(s.Context(), s.Path("merged"), scan.Options{Hash: fsverity.SHA256})
}

func (s stack) byReading() (*canon.Tree, error) {
	var layers []Layer
	for _, l := range s.layers {
		layers = append(layers, Layer{Dir: s.Path(l)})
	}
	return Scan(s.Context(), layers, Options{Hash: fsverity.SHA256, Rules: s.rules})
}

func rawDump(t testing.TB, tree *canon.Tree) string {
	t.Helper()
	var out bytes.Buffer
	if err := dumpfile.Write(&out, tree); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// sameAsKernel compares the view with a scan of the mount: the trees, or what cannot be
// read and why.
func (s stack) sameAsKernel() (*canon.Tree, error) {
	s.Helper()
	want, wantErr := s.byKernel()
	got, err := s.byReading()
	if wantErr != nil || err != nil {
		s.sameError(wantErr, err)
		return nil, err
	}
	if diff := cmp.Diff(rawDump(s, want), rawDump(s, got)); diff != "" {
		s.Errorf("the scan of the mount (-) and the view (+) differ:\n%s", diff)
	}
	return got, nil
}

// sameError compares what cannot be read.
func (s stack) sameError(want, got error) {
	s.Helper()
	var phantom *scan.PhantomError
	var refused *overlayfs.Error
	path, reason := "", ""
	switch {
	case errors.As(got, &phantom):
		reason = "listed but not there"
		for _, l := range s.layers {
			if below, ok := strings.CutPrefix(phantom.Path, s.Path(l)+"/"); ok {
				path = "/" + below
			}
		}
	case errors.As(got, &refused):
		path = refused.Path
		reason = map[error]string{
			overlayfs.ErrNoData: unix.EIO.Error(), overlayfs.ErrMetacopySize: unix.EIO.Error(),
			overlayfs.ErrMetacopyOff: unix.EPERM.Error(), overlayfs.ErrRedirectOff: unix.EPERM.Error(),
			overlayfs.ErrRedirect: unix.EINVAL.Error(), overlayfs.ErrRedirectName: unix.EACCES.Error(),
		}[refused.Err]
	}
	if want == nil || path == "" || reason == "" || !strings.Contains(want.Error(), path+`"`) || !strings.Contains(want.Error(), reason) {
		s.Errorf("the scan of the mount ends with %v, the view with %v", want, got)
	}
}
