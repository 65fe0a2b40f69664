package composefs_test

import (
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/composefs"
	"cfsverify/importers/source"
	"cfsverify/testdata/files"
	"cfsverify/testdata/mutants"
	"cfsverify/testdata/oracle"
)

// imageResult is what became of an image.
type imageResult struct {
	// read says that the reader takes it, exact that a writer gives its tree these bytes.
	read, exact bool
	// faults are where the kernel shows something else.
	faults []string
}

// tryImage asks the kernel and us.
func tryImage(t *testing.T, m *mutants.Image) (r imageResult) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image")
	files.Write(t, file, m.Data)
	img, err := erofs.Read(m.Data, m.Options.Writer)
	loaded, exactErr := composefs.Load(source.Source{Transport: source.Erofs, Path: file}, composefs.Options{Hash: fsverity.SHA256})
	if r.exact = exactErr == nil; r.exact {
		img, err = loaded.Image, nil
	}
	if err != nil {
		if len(m.Changes) == 0 {
			r.faults = []string{"it was not changed: " + err.Error()}
		}
		return r
	}
	r.read = true
	if isBeyondKernel(img.Tree) {
		return r
	}
	shows, kernelErr := kernelShows(t, m.Data)
	switch {
	case len(m.Changes) == 0 && exactErr != nil:
		r.faults = []string{"it was not changed: " + exactErr.Error()}
	case kernelErr != nil:
		r.faults = []string{"the kernel refuses it: " + kernelErr.Error()}
	default:
		r.faults = shownDifferences(expected(img), shows, r.exact)
	}
	return r
}

// isBeyondKernel says that an inode has an owner that is none to the kernel, which lets
// nobody read it then, or a size that it has no room for. Dump files may have both, and
// mkcomposefs writes them.
func isBeyondKernel(tree *canon.Tree) bool {
	for e := range tree.Dirents() {
		if n := e.Node; n.UID == math.MaxUint32 || n.GID == math.MaxUint32 || n.Kind == canon.Regular && n.Size > math.MaxInt64 {
			return true
		}
	}
	return false
}

// TestKernelMutants: the kernel mounts the composefs images that we take, even leniently, and
// shows their trees: those of the seeds in testdata/mutants/images.txt and 60 others, most of
// which are damaged. CFSVERIFY_MUTANTS says how long to go on with new ones, as 10m.
func TestKernelMutants(t *testing.T) {
	oracle.Root(t)
	kept := mutants.Kept(t, "../../testdata/mutants/images.txt")
	var lock sync.Mutex
	tried, read, exact := 0, 0, 0
	mutants.Each(t, kept, 60, func() func(seed uint64) {
		return func(seed uint64) {
			m := mutants.NewImage(seed)
			r := tryImage(t, m)
			lock.Lock()
			defer lock.Unlock()
			tried++
			if r.read {
				read++
			}
			if r.exact {
				exact++
			}
			what := strings.Join(m.Changes, "; ")
			if want, isKept := kept[seed]; isKept && r.read != (want == "") {
				t.Errorf("seed %d, %s: read is %v", seed, what, r.read)
			}
			if len(r.faults) > 0 {
				t.Errorf("seed %d, %v, %s: %s", seed, m.Options, what, strings.Join(r.faults, "\n"))
			}
		}
	})
	t.Logf("%d images, the kernel shows the trees of %d, of which %d are exact", tried, read, exact)
	if read < tried/4 {
		t.Error("too few were read")
	}
}
