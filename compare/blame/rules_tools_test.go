package blame

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/testdata/oracle"
)

// unpacking is an image of one layer, and a place where tools unpack it.
type unpacking struct {
	t *testing.T
	// source is what the archive was made of, root where it was unpacked.
	dir, source, root, archive string
}

// script makes the source: all that a rule may need, with mtimes that have
// nanoseconds.
const script = `
mkdir -p usr/bin usr/lib usr/share etc var/log boot sysroot
echo su >usr/bin/su; chmod 4755 usr/bin/su
echo ping >usr/bin/ping; setcap cap_net_raw+ep usr/bin/ping
echo one >usr/lib/one; ln usr/lib/one usr/lib/two
echo same >usr/lib/a; echo same >usr/lib/b
ln -s one usr/lib/symlink
echo x >usr/share/x; chmod 0666 usr/share/x; chown 3:4 usr/share/x
echo hosts >etc/hosts
echo cache >etc/ld.so.cache
mknod usr/share/null c 1 3
mkfifo usr/share/fifo
chmod 1777 var/log
find . -exec touch -h -d '2020-02-02 02:02:02.123456789 UTC' {} +
`

// newUnpacking makes the source and its archive, by GNU tar with these options.
func newUnpacking(t *testing.T, options ...string) *unpacking {
	t.Helper()
	oracle.Root(t)
	u := &unpacking{t: t, dir: t.TempDir()}
	u.source, u.root, u.archive = filepath.Join(u.dir, "source"), filepath.Join(u.dir, "root"), filepath.Join(u.dir, "layer.tar")
	for _, dir := range []string{u.source, u.root} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	oracle.Tool(t, "setcap", "libcap2-bin")
	u.sh(u.source, script)
	u.pack(options...)
	return u
}

func (u *unpacking) pack(options ...string) {
	u.t.Helper()
	if options == nil {
		options = []string{"--format=pax", "--xattrs", "--xattrs-include=*"}
	}
	oracle.Run(u.t, "tar", "tar", append(options, "-C", u.source, "-cf", u.archive, ".")...)
}

// sh runs commands in a directory.
func (u *unpacking) sh(dir, commands string) {
	u.t.Helper()
	oracle.Run(u.t, "dash", "sh", "-ec", "cd "+dir+"\n"+commands)
}

// unpack unpacks as root, with all that the archive has.
func (u *unpacking) unpack(options ...string) {
	u.t.Helper()
	if options == nil {
		options = []string{"-p", "--xattrs", "--xattrs-include=*"}
	}
	oracle.Run(u.t, "tar", "tar", append(options, "-C", u.root, "-xf", u.archive)...)
}

// explained compares the unpacked root with the layer; lines for the root
// directory are left out if it is not what counts.
func (u *unpacking) explained() []string {
	u.t.Helper()
	return explained(u.t, load(u.t, "dir:"+u.root), load(u.t, "tar:"+u.archive))
}

// TestUnpackedIsEqual: without a fault there is nothing to explain, so what the
// other tests find comes of the faults.
func TestUnpackedIsEqual(t *testing.T) {
	u := newUnpacking(t)
	u.unpack()
	if got := u.explained(); got != nil {
		t.Errorf("%q", got)
	}
}

// TestFaults: a fault that tools or the kernel make in an unpacked tree has its
// cause, and nothing else has another.
func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		fault string // commands in the unpacked root
		pkg   string // of the program that they need
		prog  string
		want  []string
	}{
		"touched entry": {fault: "touch usr/share/x", want: []string{"unpack-time-mtime /usr/share/x mtime mtime-nsec"}},
		"removed file": {fault: "rm usr/share/x", want: []string{
			"directory-changed /usr/share mtime mtime-nsec", "unexplained /usr/share/x"}},
		"hardlinks made again": {fault: "ln -f usr/lib/one usr/lib/two", want: []string{"hardlink-relink /usr/lib mtime mtime-nsec"}},
		"symlink times":        {fault: "touch -h usr/lib/symlink", want: []string{"symlink-metadata /usr/lib/symlink mtime mtime-nsec"}},
		"fractions cut off": {fault: "find usr/share -exec touch -h -d '2020-02-02 02:02:02 UTC' {} +", want: []string{
			"subsecond-mtime /usr/share mtime-nsec", "subsecond-mtime /usr/share/fifo mtime-nsec", "subsecond-mtime /usr/share/null mtime-nsec", "subsecond-mtime /usr/share/x mtime-nsec"}},
		"fractions of another file system": {fault: "touch -d '2020-02-02 02:02:02.123456 UTC' usr/share/x", want: []string{"subsecond-mtime /usr/share/x mtime-nsec"}},
		"another fraction":                 {fault: "touch -d '2020-02-02 02:02:02.5 UTC' usr/share/x", want: []string{"unexplained /usr/share/x mtime-nsec"}},
		"an older time":                    {fault: "touch -d '2019-02-02 02:02:02.123456789 UTC' usr/share/x", want: []string{"unexplained /usr/share/x mtime"}},
		"root":                             {fault: "chmod 0555 .", want: []string{"root-metadata / mode"}},
		"empty mount points": {fault: "mkdir -p run/secrets; touch etc/resolv.conf; chmod 0700 etc/resolv.conf; mkdir -m 0755 cache", want: []string{
			"engine-file / mtime mtime-nsec", "engine-file /cache", "engine-file /etc mtime mtime-nsec", "engine-file /etc/resolv.conf", "engine-file /run", "engine-file /run/secrets"}},
		"a file over one of the engine's": {fault: "echo 127.0.0.1 >etc/hosts", want: []string{"engine-file /etc/hosts mtime mtime-nsec size content"}},
		"a new file that is not empty": {fault: "echo x >usr/share/new", want: []string{
			"directory-changed /usr/share mtime mtime-nsec", "unexplained /usr/share/new"}},
		"owners shifted": {fault: `find . ! -name two -exec sh -c 'for f; do chown -h $(($(stat -c %u "$f")+100000)):$(($(stat -c %g "$f")+200000)) "$f"; done' - {} +; chmod 4755 usr/bin/su; setcap cap_net_raw+ep usr/bin/ping`,
			want: []string{"id-mapping"}},
		"one owner":                 {fault: "chown 5 usr/share/fifo", want: []string{"unexplained /usr/share/fifo uid"}},
		"setuid lost by chown":      {fault: "chown 1:1 usr/bin/su; chown 0:0 usr/bin/su", want: []string{"setuid-lost /usr/bin/su mode"}},
		"sticky lost":               {fault: "chmod 0777 var/log", want: []string{"setuid-lost /var/log mode"}},
		"setuid gained":             {fault: "chmod 4666 usr/share/x", want: []string{"unexplained /usr/share/x mode"}},
		"capability lost by chown":  {fault: "chown 1:1 usr/bin/ping; chown 0:0 usr/bin/ping", want: []string{"capability-lost /usr/bin/ping xattrsecurity.capability"}},
		"capability of a namespace": {fault: "setcap -n 1000 cap_net_raw+ep usr/bin/ping", want: []string{"capability-version /usr/bin/ping xattrsecurity.capability"}},
		"other capability":          {fault: "setcap cap_net_admin+ep usr/bin/ping", want: []string{"unexplained /usr/bin/ping xattrsecurity.capability"}},
		"acl":                       {fault: "setfacl -m u:5:rwx usr/lib/a", pkg: "acl", prog: "setfacl", want: []string{"acl /usr/lib/a mode xattrsystem.posix_acl_access"}},
		"labels": {fault: "setfattr -n security.selinux -v system_u:object_r:container_file_t:s0 usr/lib/a usr/lib/b", pkg: "attr", prog: "setfattr", want: []string{
			"selinux-label /usr/lib/a xattrsecurity.selinux", "selinux-label /usr/lib/b xattrsecurity.selinux"}},
		"user and trusted xattrs": {fault: "setfattr -n user.tool -v 1 usr/lib/a; setfattr -n trusted.x -v 1 usr/lib/b; setfattr -n user.overlay.impure -v y usr/share", pkg: "attr", prog: "setfattr", want: []string{
			"overlay-xattr /usr/share xattruser.overlay.impure", "user-xattr /usr/lib/a xattruser.tool", "host-xattr /usr/lib/b xattrtrusted.x"}},
		"device that could not be made": {fault: "rm usr/share/null; : >usr/share/null; chmod 644 usr/share/null; touch -d '2020-02-02 02:02:02.123456789 UTC' usr/share/null usr/share", want: []string{
			"device-missing /usr/share/null type"}},
		"files joined": {fault: "ln -f usr/lib/a usr/lib/b; touch -d '2020-02-02 02:02:02.123456789 UTC' usr/lib", want: []string{
			"hardlink-joined /usr/lib/a hardlinks", "hardlink-joined /usr/lib/b hardlinks"}},
		"names in another normal form": {fault: "mv usr/share/x usr/share/X; touch -d '2020-02-02 02:02:02.123456789 UTC' usr/share", want: []string{"name-encoding /usr/share/X", "name-encoding /usr/share/x"}},
		"content": {fault: "echo y >usr/share/x; echo new >etc/ld.so.cache; ln -sf two usr/lib/symlink; touch -d '2020-02-02 02:02:02.123456789 UTC' usr/lib", want: []string{
			"volatile-content /etc/ld.so.cache mtime mtime-nsec size content", "content-change /usr/lib/symlink mtime mtime-nsec target", "content-change /usr/share/x mtime mtime-nsec content"}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUnpacking(t)
			if tt.prog != "" {
				oracle.Tool(t, tt.prog, tt.pkg)
			}
			u.unpack()
			u.sh(u.root, tt.fault)
			got := u.explained()
			if tt.want[0] == "id-mapping" {
				got = causesOf(got)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// causesOf are the different causes of findings.
func causesOf(lines []string) []string {
	var causes []string
	for _, line := range lines {
		cause, _, _ := strings.Cut(line, " ")
		if len(causes) == 0 || causes[len(causes)-1] != cause {
			causes = append(causes, cause)
		}
	}
	return causes
}

// TestUnpackedOtherwise: tools that unpack in a way of their own.
func TestUnpackedOtherwise(t *testing.T) {
	for name, tt := range map[string]struct {
		pack, unpack []string
		want         []string // the causes
	}{
		"no times restored":   {nil, []string{"-p", "-m", "--xattrs", "--xattrs-include=*"}, []string{"unpack-time-mtime"}},
		"no permissions kept": {nil, []string{"--no-same-permissions", "--xattrs", "--xattrs-include=*"}, []string{"umask"}},
		"no xattrs":           {nil, []string{"-p"}, []string{"capability-lost"}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUnpacking(t, tt.pack...)
			if name == "no permissions kept" {
				u.sh(u.dir, "umask 027; tar "+strings.Join(tt.unpack, " ")+" -C root -xf layer.tar")
			} else {
				u.unpack(tt.unpack...)
			}
			lines := u.explained()
			var got []string
			for _, c := range causesOf(lines) {
				if c != string(RootMetadata) {
					got = append(got, c)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s\n%q", diff, lines)
			}
		})
	}
}

// TestScanBeforeCommit: the file system has nanoseconds that a layer in GNU
// form does not have.
func TestScanBeforeCommit(t *testing.T) {
	u := newUnpacking(t, "--format=gnu")
	u.root = u.source
	lines := u.explained()
	if got := causesOf(lines); cmp.Diff([]string{"root-metadata", "subsecond-mtime", "user-xattr"}[:2], got[:2]) != "" {
		t.Errorf("%q", lines)
	}
}

// TestClampedLayer: GNU tar sets times back to SOURCE_DATE_EPOCH.
func TestClampedLayer(t *testing.T) {
	u := newUnpacking(t)
	u.sh(u.source, "touch -d @900000000 usr/lib/a; touch -d @1100000000 usr/lib/b")
	u.pack("--format=pax", "--xattrs", "--xattrs-include=*", "--mtime=@1000000000", "--clamp-mtime")
	u.root = u.source
	want := []string{"root-metadata", "clamped-mtime"}
	if lines := u.explained(); cmp.Diff(want, causesOf(lines)) != "" {
		t.Errorf("%q", lines)
	}
}

// TestConstantTimes: ostree and others keep no times.
func TestConstantTimes(t *testing.T) {
	u := newUnpacking(t)
	u.unpack()
	u.sh(u.root, "find . -exec touch -h -d @0 {} +")
	want := []string{"root-metadata", "constant-mtime"}
	if lines := u.explained(); cmp.Diff(want, causesOf(lines)) != "" {
		t.Errorf("%q", lines)
	}
}

// TestCopiedWithoutLinks: cp keeps hardlinks only if it is asked to.
func TestCopiedWithoutLinks(t *testing.T) {
	u := newUnpacking(t)
	u.sh(u.dir, "cp -r --preserve=mode,ownership,timestamps,xattr source/. root")
	want := []string{"hardlink-broken /usr/lib/one hardlinks", "hardlink-broken /usr/lib/two hardlinks"}
	if diff := cmp.Diff(want, u.explained()); diff != "" {
		t.Error(diff)
	}
}

// TestSocket: a program listens.
func TestSocket(t *testing.T) {
	u := newUnpacking(t)
	u.unpack()
	l, err := net.Listen("unix", filepath.Join(u.root, "usr/share/s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := []string{"directory-changed /usr/share mtime mtime-nsec", "socket /usr/share/s"}
	if diff := cmp.Diff(want, u.explained()); diff != "" {
		t.Error(diff)
	}
}

// TestLibarchiveXattrs: bsdtar can write xattrs in records of its own only.
func TestLibarchiveXattrs(t *testing.T) {
	u := newUnpacking(t)
	u.sh(u.source, "setfattr -n user.x -v 1 usr/lib/a")
	oracle.Run(t, "libarchive-tools", "bsdtar", "--format=pax", "--options", "xattrheader=LIBARCHIVE", "-C", u.source, "-cf", u.archive, ".")
	u.root = u.source
	want := []string{"xattr-encoding /usr/bin/ping xattrsecurity.capability", "xattr-encoding /usr/lib/a xattruser.x"}
	if diff := cmp.Diff(want, u.explained()); diff != "" {
		t.Error(diff)
	}
}

// mountOverlay shows the unpacked root through overlayfs, and gives the
// directories of the mount and of what is changed in it.
func (u *unpacking) mountOverlay(options string) (merged, upper string) {
	u.t.Helper()
	// Overlay directories do not go below overlay, which /tmp may be.
	dir, err := os.MkdirTemp("/var/tmp", "cfsverify-rules-")
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { os.RemoveAll(dir) })
	u.sh(dir, "mkdir lower upper work merged; cp -a "+u.root+"/. lower; chmod --reference="+u.root+" upper; touch -r "+u.root+" upper; mount -t overlay overlay -o "+options+"lowerdir=lower,upperdir=upper,workdir=work merged")
	u.t.Cleanup(func() { u.sh(dir, "umount merged") })
	return filepath.Join(dir, "merged"), filepath.Join(dir, "upper")
}

// TestCopyUp: overlayfs breaks a hardlink when one of its names is changed.
func TestCopyUp(t *testing.T) {
	u := newUnpacking(t)
	u.unpack()
	u.root, _ = u.mountOverlay("index=off,")
	u.sh(u.root, "chmod 0600 usr/lib/two")
	want := []string{"hardlink-broken /usr/lib/one hardlinks", "hardlink-broken /usr/lib/two hardlinks", "unexplained /usr/lib/two mode"}
	if diff := cmp.Diff(want, u.explained()); diff != "" {
		t.Error(diff)
	}
}

// TestScanOfUpperDirectory: what overlayfs keeps there is nothing of the image.
func TestScanOfUpperDirectory(t *testing.T) {
	u := newUnpacking(t)
	u.unpack()
	merged, upper := u.mountOverlay("")
	u.sh(merged, "rm usr/share/x; rm -r var/log; mkdir -m 1777 var/log; touch -d '2020-02-02 02:02:02.123456789 UTC' var/log var usr/share")
	u.root = upper
	found := map[string]bool{}
	for _, line := range u.explained() {
		cause, path, _ := strings.Cut(line, " ")
		path, _, _ = strings.Cut(path, " ")
		found[cause+" "+path] = true
	}
	for _, want := range []string{"whiteout-in-scan /usr/share/x", "overlay-xattr /var/log"} {
		if !found[want] {
			t.Errorf("%q is not found: %v", want, found)
		}
	}
}

// TestScanOfLowerLayer: the scan saw the stage below.
func TestScanOfLowerLayer(t *testing.T) {
	u := newUnpacking(t)
	u.unpack()
	late := filepath.Join(u.dir, "late")
	if err := os.Mkdir(late, 0o755); err != nil {
		t.Fatal(err)
	}
	u.sh(late, "mkdir -p usr/bin; echo late >usr/bin/late; : >usr/bin/.wh.ping; touch -d @1700000000 usr usr/bin usr/bin/*")
	oracle.Run(t, "tar", "tar", "-C", late, "-cf", filepath.Join(u.dir, "late.tar"), "usr")
	got := explained(t, load(t, "dir:"+u.root), load(t, "tar:"+u.archive+","+filepath.Join(u.dir, "late.tar")))
	want := []string{"late-layers /usr mtime mtime-nsec", "late-layers /usr/bin mtime mtime-nsec", "late-layers /usr/bin/late", "late-layers /usr/bin/ping"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestBootTransform: composefs-rs before and since its pull request 396.
func TestBootTransform(t *testing.T) {
	u := newUnpacking(t)
	// The trees of two scans, as the policy leaves each.
	boot := func(rule policy.BootRule) *canon.Tree {
		tree := load(t, "dir:"+u.source)
		policy := policy.ComposefsRS()
		policy.Boot = rule
		if err := policy.Apply(tree); err != nil {
			t.Fatal(err)
		}
		return tree
	}
	u.sh(u.source, "touch -d '2020-02-02 02:02:02.5 UTC' boot sysroot")
	want := []string{"boot-nanoseconds /boot mtime-nsec", "boot-nanoseconds /sysroot mtime-nsec"}
	if diff := cmp.Diff(want, explained(t, boot(policy.BootSeconds), boot(policy.BootNanoseconds))); diff != "" {
		t.Error(diff)
	}
}

// TestTwoBuilds: nothing but the time between them differs.
func TestTwoBuilds(t *testing.T) {
	u := newUnpacking(t)
	first := filepath.Join(u.dir, "first.tar")
	if err := os.Rename(u.archive, first); err != nil {
		t.Fatal(err)
	}
	u.sh(u.source, "touch usr/share/x usr/bin")
	u.pack()
	want := []string{"build-time /usr/bin mtime mtime-nsec", "build-time /usr/share/x mtime mtime-nsec"}
	if diff := cmp.Diff(want, explained(t, load(t, "tar:"+first), load(t, "tar:"+u.archive))); diff != "" {
		t.Error(diff)
	}
}
