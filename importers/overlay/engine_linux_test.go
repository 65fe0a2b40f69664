package overlay

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/fsverity"
	"cfsverify/importers/scan"
	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// overlayImages are the hostile images about what overlayfs does.
var overlayImages = []string{"overlay-xattrs", "whiteout-device", "whiteout-through-symlink", "whiteout-in-opaque-directory"}

// TestUnpackedImages has buildah unpack images, and compares its mount with the view of
// the directories that it mounts. With CFSVERIFY_STACKS all hostile images are tried,
// otherwise overlayImages.
func TestUnpackedImages(t *testing.T) {
	oracle.Root(t)
	unpack := oracle.Engine(t, "containers-storage")
	for _, image := range layers.Hostile() {
		if os.Getenv("CFSVERIFY_STACKS") == "" && !slices.Contains(overlayImages, image.Name) {
			continue
		}
		t.Run(image.Name, func(t *testing.T) {
			root, refusal := unpack(t, image)
			if refusal != nil {
				return
			}
			got, err := Scan(t.Context(), mountedLayers(t, root), Options{Hash: fsverity.SHA256})
			want, wantErr := scan.Directory(t.Context(), root, scan.Options{Hash: fsverity.SHA256})
			var phantom *scan.PhantomError
			switch {
			case wantErr != nil:
				if !errors.As(wantErr, &phantom) || !errors.As(err, &phantom) {
					t.Errorf("the scan of the mount ends with %v, the view with %v", wantErr, err)
				}
			case err != nil:
				t.Error(err)
			default:
				if diff := cmp.Diff(rawDump(t, want), rawDump(t, got)); diff != "" {
					t.Errorf("the scan of the mount (-) and the view (+) differ:\n%s", diff)
				}
			}
		})
	}
}

// mountedLayers are the directories of an overlay mount, the topmost first.
func mountedLayers(t *testing.T, at string) []Layer {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if fields[1] != at {
			continue
		}
		var layers []Layer
		for option := range strings.SplitSeq(fields[3], ",") {
			if dir, ok := strings.CutPrefix(option, "upperdir="); ok {
				layers = append([]Layer{{Dir: dir}}, layers...)
			}
			if dirs, ok := strings.CutPrefix(option, "lowerdir="); ok {
				for dir := range strings.SplitSeq(dirs, ":") {
					layers = append(layers, Layer{Dir: dir})
				}
			}
		}
		return layers
	}
	t.Fatalf("nothing is mounted at %s", at)
	return nil
}

// TestEverything has all that a file system can hold, ACLs and capabilities included.
func TestEverything(t *testing.T) {
	s := newStack(t, metacopy, "1", "2")
	m := files.New(t, s.Path("2"))
	m.MakeEverything()
	// u::rwx u:1000:r-x g::r-x m::rwx o::---
	acl := "\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x02\x00\x05\x00\xe8\x03\x00\x00\x04\x00\x05\x00\xff\xff\xff\xff\x10\x00\x07\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff\xff\xff"
	m.Xattr("etc/size-64", "system.posix_acl_access", acl)
	m.Xattr("usr", "system.posix_acl_default", acl)
	// Otherwise the whiteout in it is listed.
	s.dir("1/dev")
	s.file("1/etc/new")
	s.whiteout("1/etc/size-1")
	tree, err := s.sameAsKernel()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"/usr/bin/tool": true, "/dev/large": true, "/dev/whiteout": false, "/etc/size-1": false} {
		if got := tree.Lookup(path) != nil; got != want {
			t.Errorf("%s is shown: %v", path, got)
		}
	}
}
