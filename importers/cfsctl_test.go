package importers_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/seal"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// cfsctls are one for each hash.
type cfsctls map[fsverity.Algorithm]*oracle.Composefs

func newCfsctls(t *testing.T) cfsctls {
	t.Helper()
	c := cfsctls{}
	for _, hash := range []fsverity.Algorithm{fsverity.SHA256, fsverity.SHA512} {
		c[hash] = oracle.NewComposefs(t, hash.String())
	}
	return c
}

// policyOf is what cfsctl does with a tree by some options.
func policyOf(o oracle.ComposefsOptions) policy.Policy {
	p := policy.ComposefsRS()
	if o.Raw {
		p = policy.Raw()
	}
	if o.UserXattrs {
		p.Xattrs = policy.XattrUser
	}
	if o.Bootable {
		p.Boot = policy.BootNanoseconds
	}
	return p
}

// outcomes counts what was compared.
type outcomes struct{ same, refused atomic.Int64 }

// check fails if fewer digests and dumps are the same than are to be.
func (n *outcomes) check(t *testing.T, least int64) {
	t.Helper()
	t.Logf("%d digests and dumps are the same, %d refused by both", n.same.Load(), n.refused.Load())
	if n.same.Load() < least {
		t.Errorf("fewer than %d are the same", least)
	}
}

// digests compares all digests of a tree with those of cfsctl.
func (n *outcomes) digests(t *testing.T, tree *canon.Tree, hash fsverity.Algorithm, o oracle.ComposefsOptions, cfsctl func(oracle.ComposefsOptions) (string, error)) {
	t.Helper()
	for version := range 3 {
		o.Version = version
		want, refusal := cfsctl(o)
		got, err := recipe.Recipe{Version: erofs.Version(version), Hash: hash, Policy: policyOf(o)}.Digest(tree)
		switch {
		case (err == nil) != (refusal == nil):
			t.Errorf("%v %+v: error %v, of cfsctl %v", hash, o, err, refusal)
		case err != nil:
			n.refused.Add(1)
		case got.String() != want:
			t.Errorf("%v %+v: %v, cfsctl has %s", hash, o, got, want)
		default:
			n.same.Add(1)
		}
	}
}

// dump compares the dump of a tree with that of cfsctl, which leaves out of hardlinks
// what they repeat.
func (n *outcomes) dump(t *testing.T, tree *canon.Tree, o oracle.ComposefsOptions, cfsctl func(oracle.ComposefsOptions) (string, error)) {
	t.Helper()
	tree = tree.Clone()
	want, refusal := cfsctl(o)
	err := policyOf(o).Apply(tree)
	if err != nil || refusal != nil {
		if (err == nil) != (refusal == nil) {
			t.Errorf("dump, %+v: error %v, of cfsctl %v", o, err, refusal)
		}
		n.refused.Add(1)
		return
	}
	theirs, err := dumpfile.Parse(strings.NewReader(want), dumpfile.Options{})
	if err != nil {
		t.Errorf("%v\n%s", err, want)
		return
	}
	if a, b := dumpText(t, theirs), dumpText(t, tree); a != b {
		t.Errorf("dump, %+v: cfsctl has\n%swe have\n%s", o, a, b)
		return
	}
	n.same.Add(1)
}

func dumpText(t *testing.T, tree *canon.Tree) string {
	t.Helper()
	var out bytes.Buffer
	if err := dumpfile.Write(&out, tree); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// image compares all that is made of a layout.
func (n *outcomes) image(t *testing.T, c cfsctls, dir, name string) {
	t.Helper()
	for hash, cfsctl := range c {
		refusal := cfsctl.Pull(dir, name)
		s := importers.Source{Transport: importers.OCI, Path: dir}
		read, err := importers.Load(t.Context(), s, importers.Options{Hash: hash, Rules: layer.RulesComposefsRS, Limits: limits.Default(), Labels: true})
		if err == nil && refusal != nil {
			// A pull makes the image of version 1 as well.
			_, err = recipe.Recipe{Version: erofs.V1, Hash: hash, Policy: policy.ComposefsRS()}.Digest(read.Tree)
		}
		if err != nil || refusal != nil {
			if (err == nil) != (refusal == nil) {
				t.Errorf("%v: error %v, of cfsctl %v", hash, err, refusal)
			}
			n.refused.Add(1)
			continue
		}
		of := func(f func(string, oracle.ComposefsOptions) (string, error)) func(oracle.ComposefsOptions) (string, error) {
			return func(o oracle.ComposefsOptions) (string, error) { return f(name, o) }
		}
		for _, o := range []oracle.ComposefsOptions{{}, {Bootable: true, UserXattrs: true}} {
			n.digests(t, read.Tree, hash, o, of(cfsctl.ImageDigest))
			if hash == fsverity.SHA256 {
				n.dump(t, read.Tree, o, of(cfsctl.ImageDump))
			}
		}
	}
}

// TestCfsctlRandomImages: images by composefs-rs, 300 that are always the same, and some
// others.
func TestCfsctlRandomImages(t *testing.T) {
	c := newCfsctls(t)
	more := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)).Uint64()
	t.Logf("the seed of the images that are not always the same is %d", more)
	seeds := make([]uint64, 340)
	for i := range seeds {
		seeds[i] = uint64(i)
		if i >= 300 {
			seeds[i] = more + uint64(i)
		}
	}
	var all outcomes
	t.Run("seeds", func(t *testing.T) {
		for _, seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				image := layers.RandomVaried(seed)
				dir := filepath.Join(t.TempDir(), "layout")
				if err := image.WriteLayout(dir, "t"); err != nil {
					t.Fatal(err)
				}
				all.image(t, c, dir, image.Name)
				if t.Failed() {
					t.Logf("layers:\n%s", strings.Join(image.Layers, "---\n"))
				}
			})
		}
	})
	all.check(t, 2000)
}

// directory compares all that is made of a directory.
func (n *outcomes) directory(t *testing.T, c cfsctls, dir string) {
	t.Helper()
	for hash, cfsctl := range c {
		s := importers.Source{Transport: importers.Dir, Path: dir}
		read, err := importers.Load(t.Context(), s, importers.Options{Hash: hash, Labels: true})
		if err != nil {
			t.Fatal(err)
		}
		of := func(f func(string, oracle.ComposefsOptions) (string, error)) func(oracle.ComposefsOptions) (string, error) {
			return func(o oracle.ComposefsOptions) (string, error) { return f(dir, o) }
		}
		for _, o := range []oracle.ComposefsOptions{{UserXattrs: true}, {Bootable: true}, {Raw: true}} {
			n.digests(t, read.Tree, hash, o, of(cfsctl.DirectoryDigest))
			if hash == fsverity.SHA256 {
				n.dump(t, read.Tree, o, of(cfsctl.DirectoryDump))
			}
		}
		for version := range 3 {
			o := oracle.ComposefsOptions{Version: version, Bootable: true}
			digest, err := recipe.Recipe{Version: erofs.Version(version), Hash: hash, Policy: policyOf(o)}.Digest(read.Tree)
			want, refusal := cfsctl.KernelArgument(dir, o)
			if err != nil || refusal != nil {
				if (err == nil) != (refusal == nil) {
					t.Errorf("kernel argument, %v, version %d: error %v, of cfsctl %v", hash, version, err, refusal)
				}
				continue
			}
			if got := seal.Karg(erofs.Version(version), digest); got != want {
				t.Errorf("kernel argument, %v, version %d: %s, cfsctl has %s", hash, version, got, want)
			}
		}
	}
}

// TestCfsctlDirectories: one with all that a file system can hold, and random ones.
func TestCfsctlDirectories(t *testing.T) {
	oracle.Root(t)
	c := newCfsctls(t)
	more := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)).Uint64()
	t.Logf("the seed of the directories that are not always the same is %d", more)
	var all outcomes
	t.Run("all", func(t *testing.T) {
		t.Run("everything", func(t *testing.T) {
			t.Parallel()
			m := files.New(t, t.TempDir())
			m.MakeEverything()
			m.Mkdir("boot")
			m.Mkdir("sysroot")
			// Times before 1970 have tests of their own, and longer symlinks no image of
			// version 2.
			m.Do(os.Remove(m.Path("long")))
			m.Symlink(strings.Repeat("x/", 2032), "long")
			m.Mtime("etc/size-1", 1, 500_000_000)
			m.Mtime("dev/null", 1, 0)
			all.directory(t, c, m.Dir)
		})
		for i := range uint64(30) {
			seed := i
			if i >= 25 {
				seed += more
			}
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				m := files.New(t, t.TempDir())
				m.MakeRandom(rand.New(rand.NewPCG(3, seed)))
				all.directory(t, c, m.Dir)
			})
		}
	})
	all.check(t, 450)
}

// TestCfsctlExample: the example image, whose digests by an older release are in
// testdata/vectors.
func TestCfsctlExample(t *testing.T) {
	var all outcomes
	all.image(t, newCfsctls(t), "../testdata/example/image", "example")
	all.check(t, 7)
}

// TestCfsctlDebian: a Debian system as an image, and unpacked.
func TestCfsctlDebian(t *testing.T) {
	tarball := oracle.Debian(t)
	c := newCfsctls(t)
	var all outcomes
	t.Run("both", func(t *testing.T) {
		t.Run("image", func(t *testing.T) {
			t.Parallel()
			archive, err := os.ReadFile(tarball)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "layout")
			// Debian has no /sysroot, without which nothing is bootable.
			if err := (layers.Archives{archive, layers.Tar("d sysroot mtime=1700000000")}).WriteLayout(dir, "t"); err != nil {
				t.Fatal(err)
			}
			all.image(t, c, dir, "debian")
		})
		t.Run("directory", func(t *testing.T) {
			t.Parallel()
			m := files.New(t, t.TempDir())
			m.Mkdir("sysroot")
			files.Tool(t, "tar", "--xattrs", "--xattrs-include=*", "-C", m.Dir, "-xpf", tarball)
			all.directory(t, c, m.Dir)
		})
	})
	// 2 hashes, 3 versions and 2 or 3 policies, each of which has a dump.
	all.check(t, 2*3*(2+3)+(2+3))
}

// TestCfsctlLongSymlinks: what version 2 cannot hold is refused here and not by cfsctl,
// but its image has no target for the symlink.
func TestCfsctlLongSymlinks(t *testing.T) {
	oracle.Root(t)
	m := files.New(t, t.TempDir())
	m.Mkdir("root/usr")
	m.Mkdir("mounted")
	longest, longer := strings.Repeat("t", 4064), strings.Repeat("t", 4065)
	m.Symlink(longest, "root/longest")
	m.Symlink(longer, "root/longer")
	image, err := oracle.NewComposefs(t, "sha256").WriteImage(m.Path("root"), oracle.ComposefsOptions{Version: 2})
	if err != nil {
		t.Fatal(err)
	}
	oracle.Run(t, "mount", "mount", "-t", "erofs", "-o", "loop,ro", image, m.Path("mounted"))
	t.Cleanup(func() { oracle.Run(t, "mount", "umount", m.Path("mounted")) })
	for name, want := range map[string]string{"longest": longest, "longer": ""} {
		if got, err := os.Readlink(m.Path("mounted/" + name)); got != want {
			t.Errorf("%s: the target has %d bytes, error %v, want %d", name, len(got), err, len(want))
		}
	}
	s := importers.Source{Transport: importers.Dir, Path: m.Path("root")}
	read, err := importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	_, err = recipe.Recipe{Version: erofs.V2, Hash: fsverity.SHA256, Policy: policy.ComposefsRS()}.Digest(read.Tree)
	if err == nil || !strings.Contains(err.Error(), "4065 bytes are more than the 4064") {
		t.Errorf("error %v", err)
	}
}
