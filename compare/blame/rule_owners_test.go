package blame

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/compare"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// checkExplained compares what is said of a scan and of what it was made of,
// either way round.
func checkExplained(t *testing.T, inside, outside *canon.Tree, want []string) {
	t.Helper()
	got := explained(t, inside, outside)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(got, explained(t, outside, inside)); diff != "" {
		t.Errorf("the other way round:\n%s", diff)
	}
}

// evidenceOf is what is said for a cause.
func evidenceOf(inside, outside *canon.Tree, cause Cause) []string {
	var texts []string
	for _, f := range Explain(Comparison{A: inside, B: outside, NameA: "inside", NameB: "outside", Differences: compare.Trees(inside, outside), Policy: policy.Raw()}) {
		for _, e := range f.Evidence {
			if f.Cause == cause {
				texts = append(texts, e.Text)
			}
		}
	}
	return texts
}

// layerOf is an archive of a spec, and the tree that it gives.
func layerOf(t *testing.T, specs ...string) (files []string, tree *canon.Tree) {
	t.Helper()
	dir := t.TempDir()
	for i, spec := range specs {
		file := filepath.Join(dir, string(rune('a'+i))+".tar")
		if err := os.WriteFile(file, layers.Tar(spec), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files, load(t, "tar:"+strings.Join(files, ","))
}

const owned = `
d a mode=1777 mtime=1
f a/su mode=4755 uid=3 gid=4 mtime=2
f a/b uid=7 gid=8 mtime=3
c a/null dev=1,3 mtime=4
d a/c mode=775 mtime=5
`

// umociUnpack unpacks layers with options, as root or not.
func umociUnpack(t *testing.T, prefix string, options []string, specs ...string) (inside, outside *canon.Tree) {
	t.Helper()
	oracle.Root(t)
	program := oracle.Tool(t, "umoci", "umoci")
	// Others than root must be able to write there.
	dir, err := os.MkdirTemp("/var/tmp", "cfsverify-rules-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := (layers.Image{Layers: specs}).WriteLayout(filepath.Join(dir, "layout"), "t"); err != nil {
		t.Fatal(err)
	}
	oracle.Run(t, "coreutils", "chmod", "-R", "a+rwX", dir)
	command := strings.Join([]string{"cd", dir, "&&", prefix, program, "unpack", strings.Join(options, " "), "--image layout:t bundle"}, " ")
	oracle.Run(t, "dash", "sh", "-ec", command)
	_, outside = layerOf(t, specs...)
	return load(t, "dir:"+filepath.Join(dir, "bundle", "rootfs")), outside
}

// TestUserNamespaceOfUmoci: one range, and the two of rootless engines.
func TestUserNamespaceOfUmoci(t *testing.T) {
	for name, tt := range map[string]struct {
		options  []string
		evidence []string
	}{
		"one range": {[]string{"--uid-map 0:100000:65536", "--gid-map 0:200000:65536"},
			[]string{"uids of outside, and what they are in inside: 0-7 to 100000-100007", "gids of outside, and what they are in inside: 0-8 to 200000-200008"}},
		"the user and a range": {[]string{"--uid-map 0:1000:1", "--uid-map 1:100000:65535", "--gid-map 0:1000:1", "--gid-map 1:100000:65535"},
			[]string{"uids of outside, and what they are in inside: 0 to 1000, 3-7 to 100002-100006", "gids of outside, and what they are in inside: 0 to 1000, 4-8 to 100003-100007"}},
	} {
		t.Run(name, func(t *testing.T) {
			inside, outside := umociUnpack(t, "", tt.options, owned)
			checkExplained(t, inside, outside, []string{
				"id-mapping / uid gid", "id-mapping /a uid gid", "id-mapping /a/b uid gid", "id-mapping /a/c uid gid", "id-mapping /a/null uid gid",
				"id-mapping /a/su uid gid", "root-metadata / mode"})
			if diff := cmp.Diff(tt.evidence, evidenceOf(inside, outside, IDMapping)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestScanInOtherNamespace: the kernel shows owners without a mapping as one.
func TestScanInOtherNamespace(t *testing.T) {
	oracle.Root(t)
	files, outside := layerOf(t, owned)
	dir := t.TempDir()
	u := unpacking{t: t, dir: dir}
	oracle.Tool(t, "unshare", "util-linux")
	u.sh(dir, "mkdir -m 755 source root; tar -p --numeric-owner -C source -xf "+files[0]+"; unshare --user --map-root-user tar -C source --numeric-owner -cf seen.tar a; tar -p --numeric-owner -C root -xf seen.tar")
	inside := load(t, "dir:"+filepath.Join(dir, "root"))
	outside.Root.Mtime = inside.Root.Mtime
	outside.Root.Perm = 0o755
	checkExplained(t, inside, outside, []string{"id-mapping /a/b uid gid", "id-mapping /a/su uid gid"})
	want := []string{"uids of outside, and what they are in inside: 0 to 0, 3 to 65534 (not mapped), 7 to 65534 (not mapped)",
		"gids of outside, and what they are in inside: 0 to 0, 4 to 65534 (not mapped), 8 to 65534 (not mapped)"}
	if diff := cmp.Diff(want, evidenceOf(inside, outside, IDMapping)); diff != "" {
		t.Error(diff)
	}
}

// TestOwnersThatAreNoMap: what other tools and people do to owners.
func TestOwnersThatAreNoMap(t *testing.T) {
	const one = "d a uid=5 mtime=1\nf a/b uid=5 mtime=2\nf a/c uid=5 mtime=3\n"
	const accounts = "d etc mtime=1\nf etc/passwd =x mtime=2\nf a uid=5 mtime=2\nf b uid=5 mtime=3\n"
	const two = "d a mtime=1\nf a/b uid=5 mtime=2\nf a/c uid=8 mtime=3\nf a/d uid=5 mtime=4\nf a/e uid=7 mtime=4"
	for name, tt := range map[string]struct {
		spec, scan string
		want       []string
	}{
		"one owner who is not root": {one, strings.ReplaceAll(one, "uid=5", "uid=1001"),
			[]string{"owner-by-name /a uid", "owner-by-name /a/b uid", "owner-by-name /a/c uid"}},
		"all given to one user": {"d a mtime=1\nf a/b uid=5 mtime=2", "d a uid=1000 mtime=1\nf a/b uid=1000 mtime=2",
			[]string{"owner-lost /a uid", "owner-lost /a/b uid"}},
		"all given to nobody": {"d a mtime=1\nf a/b uid=5 mtime=2", "d a uid=65534 mtime=1\nf a/b uid=65534 mtime=2",
			[]string{"owner-lost /a uid", "owner-lost /a/b uid"}},
		"one owner given to nobody": {"d a mtime=1\nf a/b uid=5 mtime=2", "d a mtime=1\nf a/b uid=65534 mtime=2",
			[]string{"unexplained /a/b uid"}},
		"two owners made one": {two, strings.ReplaceAll(strings.ReplaceAll(two, "uid=5", "uid=9"), "uid=8", "uid=9"),
			[]string{"unexplained /a/b uid", "unexplained /a/c uid", "unexplained /a/d uid"}},
		"nobody's and others in between": {two, strings.ReplaceAll(strings.ReplaceAll(two, "uid=5", "uid=65534"), "uid=8", "uid=65534"),
			[]string{"unexplained /a/b uid", "unexplained /a/c uid", "unexplained /a/d uid"}},
		"accounts that differ": {accounts, strings.ReplaceAll(strings.ReplaceAll(accounts, "uid=5", "uid=1001"), "=x", "=y"),
			[]string{"content-change /etc/passwd content", "unexplained /a uid", "unexplained /b uid"}},
		"a file of the engine that is not mapped": {"d a mtime=1\nd etc mtime=2\nf etc/hosts mtime=3", "d a uid=1000 mtime=1\nd etc uid=1000 mtime=2\nf etc/hosts =x mtime=3",
			[]string{"engine-file /etc/hosts size content", "id-mapping /a uid", "id-mapping /etc uid"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, outside := layerOf(t, tt.spec)
			_, inside := layerOf(t, tt.scan)
			checkExplained(t, withoutOrigins(inside), outside, tt.want)
		})
	}
}

// withoutOrigins makes a scan of a tree.
func withoutOrigins(t *canon.Tree) *canon.Tree {
	for e := range t.Dirents() {
		e.Origin = nil
	}
	t.RootOrigin, t.Markers, t.Superseded = nil, nil, nil
	return t
}

// TestOwnersOfImages: in two images an account may have another number, but a
// range of them does not move.
func TestOwnersOfImages(t *testing.T) {
	_, a := layerOf(t, "d a mtime=1\nf a/b uid=998 mtime=2\nf a/c uid=998 mtime=2")
	_, b := layerOf(t, "d a mtime=1\nf a/b uid=999 mtime=2\nf a/c uid=999 mtime=2")
	checkExplained(t, a, b, []string{"unexplained /a/b uid", "unexplained /a/c uid"})
	_, a = layerOf(t, "f a uid=1000 mtime=1\nf b uid=1000 mtime=2")
	_, b = layerOf(t, "f a mtime=1\nf b mtime=2")
	checkExplained(t, a, b, []string{"unexplained /a uid", "unexplained /b uid"})
	_, a = layerOf(t, "f a uid=100000 mtime=1\nf b uid=100003 mtime=2")
	_, b = layerOf(t, "f a mtime=1\nf b uid=3 mtime=2")
	checkExplained(t, a, b, []string{"id-mapping /a uid", "id-mapping /b uid"})
}

// TestTarLooksNamesUp: GNU tar takes the host's number of a name, if it has the
// name.
func TestTarLooksNamesUp(t *testing.T) {
	oracle.Root(t)
	u := unpacking{t: t, dir: t.TempDir()}
	u.root, u.archive = filepath.Join(u.dir, "root"), filepath.Join(u.dir, "layer.tar")
	u.sh(u.dir, `mkdir -m 755 source root; touch -d @5 source/a source/b source/c; cd source
		tar --format=pax --pax-option=delete=atime,delete=ctime --owner=daemon:77 --group=daemon:78 -cf ../layer.tar a b
		tar --format=pax --pax-option=delete=atime,delete=ctime --owner=no-such-name:79 --group=root:0 -rf ../layer.tar c
		cd ..; tar -p -C root -xf layer.tar; touch -d @5 root`)
	inside, outside := load(t, "dir:"+u.root), load(t, "tar:"+u.archive)
	outside.Root.Perm, outside.Root.Mtime.Sec = 0o755, 5
	checkExplained(t, inside, outside, []string{"owner-by-name /a uid gid", "owner-by-name /b uid gid"})
}

// asNobody makes an archive of a spec be unpacked without privilege.
func asNobody(t *testing.T, command, spec string) (inside, outside *canon.Tree) {
	t.Helper()
	oracle.Root(t)
	oracle.Tool(t, "setpriv", "util-linux")
	files, outside := layerOf(t, spec)
	dir, err := os.MkdirTemp("/var/tmp", "cfsverify-rules-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	// Such tools complain of what they leave out.
	oracle.Run(t, "dash", "sh", "-ec", "chmod 755 "+dir+"; cd "+dir+"; mkdir root; chown 65534:65534 root; "+
		"setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'cd root; "+command+"' <"+files[0]+" 2>log || grep -q 'Operation not permitted' log")
	return load(t, "dir:"+filepath.Join(dir, "root")), outside
}

// TestUnpackedWithoutPrivilege: modes, devices and capabilities, as three tools
// lose them. Owners are those of the user, which is no map.
func TestUnpackedWithoutPrivilege(t *testing.T) {
	const capability = `pax:"SCHILY.xattr.security.capability=\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"`
	spec := owned + "f a/ping mode=755 mtime=6 " + capability + "\nf a/w mode=666 mtime=7\n"
	for name, tt := range map[string]struct {
		command string
		want    []string
	}{
		"GNU tar":                     {"umask 022; exec tar --xattrs --xattrs-include=* -x", []string{"capability-lost /a/ping", "setuid-lost /a/su", "umask /a", "umask /a/c", "umask /a/w", "device-missing /a/null"}},
		"GNU tar for all permissions": {"umask 077; exec tar -px", []string{"capability-lost /a/ping", "device-missing /a/null"}},
		"bsdtar with another umask":   {"umask 027; exec bsdtar -x", []string{"capability-lost /a/ping", "umask /a", "umask /a/b", "umask /a/c", "umask /a/ping", "umask /a/su", "umask /a/w", "device-missing /a/null"}},
	} {
		t.Run(name, func(t *testing.T) {
			oracle.Tool(t, "bsdtar", "libarchive-tools")
			inside, outside := asNobody(t, tt.command, spec)
			got := explained(t, inside, outside)
			var lines []string
			for _, line := range got {
				words := strings.Fields(line)
				switch Cause(words[0]) {
				case RootMetadata:
				case OwnerLost:
					if strings.Join(words[2:], " ") != "uid gid" {
						t.Errorf("%s", line)
					}
				default:
					lines = append(lines, words[0]+" "+words[1])
				}
			}
			if diff := cmp.Diff(tt.want, lines); diff != "" {
				t.Errorf("%s\n%q", diff, got)
			}
		})
	}
}

// TestModes: near misses of a umask and of lost bits.
func TestModes(t *testing.T) {
	const modes = "d a mode=775 mtime=1\nf a/b mode=664 mtime=2\nf a/c mode=4775 mtime=3\nf a/d mode=600 mtime=4\n"
	for name, tt := range map[string]struct {
		scan string
		want []string
	}{
		"umask": {"d a mode=755 mtime=1\nf a/b mode=644 mtime=2\nf a/c mode=755 mtime=3\nf a/d mode=600 mtime=4\nf new mode=664 mtime=4",
			[]string{"umask /a mode", "umask /a/b mode", "umask /a/c mode", "unexplained /new"}},
		"something has the bit": {"d a mode=775 mtime=1\nf a/b mode=644 mtime=2\nf a/c mode=755 mtime=3\nf a/d mode=600 mtime=4\n",
			[]string{"unexplained /a/b mode", "unexplained /a/c mode"}},
		"bits of the owner": {"d a mode=575 mtime=1\nf a/b mode=464 mtime=2\nf a/c mode=4575 mtime=3\nf a/d mode=400 mtime=4\n",
			[]string{"unexplained /a mode", "unexplained /a/b mode", "unexplained /a/c mode", "unexplained /a/d mode"}},
		"a bit more": {"d a mode=755 mtime=1\nf a/b mode=645 mtime=2\nf a/c mode=755 mtime=3\nf a/d mode=600 mtime=4\n",
			[]string{"unexplained /a mode", "unexplained /a/b mode", "unexplained /a/c mode"}},
		"setuid and another bit": {"d a mode=775 mtime=1\nf a/b mode=664 mtime=2\nf a/c mode=774 mtime=3\nf a/d mode=600 mtime=4\n",
			[]string{"unexplained /a/c mode"}},
		"setuid became setgid": {"d a mode=775 mtime=1\nf a/b mode=664 mtime=2\nf a/c mode=2775 mtime=3\nf a/d mode=600 mtime=4\n",
			[]string{"unexplained /a/c mode"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, outside := layerOf(t, modes)
			_, inside := layerOf(t, tt.scan)
			checkExplained(t, withoutOrigins(inside), outside, tt.want)
		})
	}
}

// TestModesWithoutDirection: of two images or dumps either may have lost bits.
func TestModesWithoutDirection(t *testing.T) {
	const kept, lost = "f su mode=4755 mtime=1\nd d mode=777 mtime=1\nf f mode=666 mtime=2", "f su mode=755 mtime=1\nd d mode=755 mtime=1\nf f mode=644 mtime=2"
	want := []string{"setuid-lost /su mode", "umask /d mode", "umask /f mode"}
	_, a := layerOf(t, kept)
	_, b := layerOf(t, lost)
	checkExplained(t, a, b, want)
	checkExplained(t, withoutOrigins(a), withoutOrigins(b), want)
	text := "nothing in outside has a bit of 0022, so that was the umask or a part of it"
	if diff := cmp.Diff([]string{text}, evidenceOf(a, b, Umask)); diff != "" {
		t.Error(diff)
	}
}
