package blame

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/compare"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// unpackedBy is what an engine makes of layers, and what these give.
func unpackedBy(t *testing.T, engine string, specs ...string) (inside, outside *canon.Tree) {
	t.Helper()
	oracle.Root(t)
	root, err := oracle.Engine(t, engine)(t, layers.Image{Layers: specs})
	if err != nil {
		t.Fatal(err)
	}
	_, outside = layerOf(t, specs...)
	return load(t, "dir:"+root), outside
}

// TestHardlinkHeaderApplied: containers/storage gives the inode what the last
// header says, umoci does not.
func TestHardlinkHeaderApplied(t *testing.T) {
	const spec = "d d mtime=1\nf d/a =abc mode=640 uid=1 gid=2 mtime=2\nh d/b ->d/a mode=755 uid=3 gid=4 mtime=9 pax:SCHILY.xattr.user.x=1\n" +
		"f d/c mtime=2\nh d/d ->d/c mtime=2"
	inside, outside := unpackedBy(t, "containers-storage", spec)
	checkExplained(t, inside, outside, []string{"root-metadata / mode mtime mtime-nsec",
		"hardlink-header /d/a mode uid gid mtime xattruser.x", "hardlink-header /d/b mode uid gid mtime xattruser.x"})
	for _, f := range Explain(Comparison{A: inside, B: outside, Differences: compare.Trees(inside, outside), Policy: policy.Raw()}) {
		for _, e := range f.Entries {
			if f.Cause == HardlinkHeader && (e.Origin == nil || e.Origin.Entry != 3) {
				t.Errorf("%s: the source is %+v, want entry 3", e.Path, e.Origin)
			}
		}
	}
	inside, outside = unpackedBy(t, "umoci", spec)
	checkExplained(t, inside, outside, []string{"root-metadata / mode"})
}

// TestHardlinkHeaderNearMisses: neither what the target's header says nor what
// the link's does.
func TestHardlinkHeaderNearMisses(t *testing.T) {
	const spec = "f a =abc mode=640 mtime=2\nh b ->a mode=755 mtime=9\nf c =abc mode=755 mtime=9"
	for name, tt := range map[string]struct {
		scan string
		want []string
	}{
		"another mode":              {"f a =abc mode=600 mtime=2\nh b ->a\nf c =abc mode=755 mtime=9", []string{"unexplained /a mode", "unexplained /b mode"}},
		"the mode but another time": {"f a =abc mode=755 mtime=1\nh b ->a\nf c =abc mode=755 mtime=9", []string{"hardlink-header /a mode", "hardlink-header /b mode", "unexplained /a mtime", "unexplained /b mtime"}},
		"a file that is not linked": {"f a =abc mode=640 mtime=2\nh b ->a\nf c =abc mode=640 mtime=2", []string{"unexplained /c mode mtime"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, outside := layerOf(t, spec)
			_, inside := layerOf(t, tt.scan)
			checkExplained(t, withoutOrigins(inside), outside, tt.want)
		})
	}
}

// TestHardlinkHeaderOfImages: an image that was made of what an engine unpacked.
func TestHardlinkHeaderOfImages(t *testing.T) {
	_, a := layerOf(t, "f a =abc mode=755 mtime=9\nh b ->a mode=755 mtime=9")
	_, b := layerOf(t, "f a =abc mode=640 mtime=2\nh b ->a mode=755 mtime=9")
	checkExplained(t, a, b, []string{"hardlink-header /a mode mtime", "hardlink-header /b mode mtime"})
}

// TestCopyUpOfOneName: without an index overlayfs copies just the name that is
// touched, and the others stay one inode.
func TestCopyUpOfOneName(t *testing.T) {
	u := newUnpacking(t)
	u.sh(u.source, "ln usr/lib/one usr/lib/three; touch -d '2020-02-02 02:02:02.123456789 UTC' usr/lib")
	u.pack()
	u.unpack()
	outside := load(t, "tar:"+u.archive)
	u.root, _ = u.mountOverlay("index=off,")
	u.sh(u.root, "touch usr/lib/two")
	inside := load(t, "dir:"+u.root)
	checkExplained(t, inside, outside, []string{"unpack-time-mtime /usr/lib/two mtime mtime-nsec",
		"hardlink-broken /usr/lib/one hardlinks", "hardlink-broken /usr/lib/three hardlinks", "hardlink-broken /usr/lib/two hardlinks"})
	if got := evidenceOf(inside, outside, HardlinkBroken); got != nil {
		t.Errorf("%q, but some links were kept", got)
	}
}

// TestBrokenEvidence: a copy of everything keeps no link at all.
func TestBrokenEvidence(t *testing.T) {
	u := newUnpacking(t)
	u.sh(u.dir, "cp -r --preserve=mode,ownership,timestamps,xattr source/. root")
	want := []string{"nothing in inside has two names: hardlinks were not kept when it was copied or scanned"}
	if diff := cmp.Diff(want, evidenceOf(load(t, "dir:"+u.root), load(t, "tar:"+u.archive), HardlinkBroken)); diff != "" {
		t.Error(diff)
	}
}

// TestJoinedByHardlink: the program links files of the same content, on demand
// also such as have other times and modes.
func TestJoinedByHardlink(t *testing.T) {
	oracle.Root(t)
	for name, tt := range map[string]struct {
		options, spec string
		want          []string
	}{
		"the same metadata": {"", "d d mtime=1\nf d/a =same mtime=2\nf d/b =same mtime=2\nf d/c =other mtime=2\nf d/d =same mode=600 mtime=2",
			[]string{"hardlink-joined /d/a hardlinks", "hardlink-joined /d/b hardlinks"}},
		"other times and modes": {"--ignore-time --ignore-mode --keep-oldest", "d d mtime=1\nf d/a =same mode=755 mtime=2\nf d/b =same mtime=3",
			[]string{"hardlink-joined /d/a hardlinks", "hardlink-joined /d/b mode mtime hardlinks"}},
	} {
		t.Run(name, func(t *testing.T) {
			files, outside := layerOf(t, tt.spec)
			oracle.Tool(t, "hardlink", "util-linux")
			u := unpacking{t: t, dir: t.TempDir()}
			u.root = filepath.Join(u.dir, "root")
			u.sh(u.dir, "mkdir -m 755 root; tar -px -C root -f "+files[0]+"; hardlink "+tt.options+" root; touch -d @1 root/d root")
			outside.Root.Perm, outside.Root.Mtime.Sec = 0o755, 1
			checkExplained(t, load(t, "dir:"+u.root), outside, tt.want)
		})
	}
}

// TestLinksThatAreNeither: links that come of other differences.
func TestLinksThatAreNeither(t *testing.T) {
	for name, tt := range map[string]struct {
		inside, outside string
		want            []string
	}{
		"a name replaced by a link": {"f a =1 mtime=1\nh b ->a", "f a =1 mtime=1\nf b =2 mtime=1",
			[]string{"content-change /b content", "unexplained /a hardlinks", "unexplained /b hardlinks"}},
		"one name removed": {"f a =1 mtime=1", "f a =1 mtime=1\nh b ->a mtime=1",
			[]string{"unexplained /a hardlinks", "unexplained /b"}},
		"a new name": {"f a =1 mtime=1\nh b ->a", "f a =1 mtime=1",
			[]string{"unexplained /a hardlinks", "unexplained /b"}},
		"from one to another": {"f a =1 mtime=1\nf b =1 mtime=1\nh c ->b", "f a =1 mtime=1\nf b =1 mtime=1\nh c ->a mtime=1",
			[]string{"hardlink-broken /a hardlinks", "hardlink-broken /c hardlinks", "hardlink-joined /b hardlinks"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, outside := layerOf(t, tt.outside)
			_, inside := layerOf(t, tt.inside)
			checkExplained(t, withoutOrigins(inside), outside, tt.want)
		})
	}
}

// TestBrokenWithoutDirection: dumps do not say which of them is the copy.
func TestBrokenWithoutDirection(t *testing.T) {
	for _, dumps := range []bool{false, true} {
		_, a := layerOf(t, "f a =1 mtime=1\nh b ->a mtime=1")
		_, b := layerOf(t, "f a =1 mtime=1\nf b =1 mtime=1")
		if dumps {
			a, b = withoutOrigins(a), withoutOrigins(b)
		}
		checkExplained(t, a, b, []string{"hardlink-broken /a hardlinks", "hardlink-broken /b hardlinks"})
		want := []string{"nothing in outside has two names: hardlinks were not kept when it was copied or scanned"}
		if diff := cmp.Diff(want, evidenceOf(a, b, HardlinkBroken)); diff != "" {
			t.Error(diff)
		}
	}
}
