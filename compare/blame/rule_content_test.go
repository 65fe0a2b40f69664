package blame

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/oracle"
)

// TestPythonLeavesBytecode: running a program of the image writes a directory
// that the layers do not have.
func TestPythonLeavesBytecode(t *testing.T) {
	oracle.Root(t)
	python := oracle.Tool(t, "python3", "python3")
	files, outside := layerOf(t, "d lib mtime=1\nf lib/a.py =\"import b\\n\" mtime=2\nf lib/b.py =\"x = 1\\n\" mtime=3\nd lib/__pycache__ mtime=1\n"+
		"f lib/__pycache__/old.pyc =x mtime=4\nd other mtime=1\nf other/c.py =\"x = 1\\n\" mtime=4")
	u := unpacking{t: t, dir: t.TempDir()}
	u.sh(u.dir, "mkdir -m 755 root; tar -px -C root -f "+files[0]+"; unset PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX; "+python+" root/lib/a.py; "+python+" -m compileall -q root/other; mv root/lib/__pycache__/b.*.pyc root/lib/__pycache__/b.pyc; mv root/other/__pycache__/c.*.pyc root/other/__pycache__/c.pyc; touch -d @1 root")
	outside.Root.Perm, outside.Root.Mtime.Sec = 0o755, 1
	checkExplained(t, load(t, "dir:"+filepath.Join(u.dir, "root")), outside, []string{
		"directory-changed /lib/__pycache__ mtime mtime-nsec", "directory-changed /other mtime mtime-nsec",
		"volatile-content /lib/__pycache__/b.pyc", "volatile-content /other/__pycache__", "volatile-content /other/__pycache__/c.pyc"})
}

// TestLoaderCache: ldconfig writes its cache anew.
func TestLoaderCache(t *testing.T) {
	oracle.Root(t)
	ldconfig := oracle.Tool(t, "ldconfig", "libc-bin")
	files, outside := layerOf(t, "d etc mtime=1\nf etc/ld.so.cache =old mtime=2\nf etc/ld.so.conf =/lib mtime=2\nd lib mtime=1")
	u := unpacking{t: t, dir: t.TempDir()}
	u.root = filepath.Join(u.dir, "root")
	u.sh(u.dir, "mkdir -m 755 root; tar -px -C root -f "+files[0]+"; "+ldconfig+" -X -r root; touch -d @1 root/etc root/lib root; if [ -e root/var ]; then rm -r root/var; touch -d @1 root; fi")
	outside.Root.Perm, outside.Root.Mtime.Sec = 0o755, 1
	var got []string
	for _, line := range explained(t, load(t, "dir:"+u.root), outside) {
		got = append(got, strings.Join(strings.Fields(line)[:2], " "))
	}
	if diff := cmp.Diff([]string{"volatile-content /etc/ld.so.cache"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestContents: what is volatile, and what only looks like it.
func TestContents(t *testing.T) {
	for path, want := range map[string]string{
		"etc/machine-id": "volatile-content", "var/lib/dpkg/status": "volatile-content", "var/cache/x/y": "volatile-content", "usr/x.pyc": "volatile-content",
		"etc/ssh/ssh_host_rsa_key": "volatile-content", "etc/passwd-": "volatile-content",
		"etc/passwd": "content-change", "usr/var/cache/x": "content-change", "var/cachex/y": "content-change", "usr/x.py": "content-change", "etc/ssh/ssh_host/key": "content-change",
	} {
		_, outside := layerOf(t, "f "+path+" =x mtime=1")
		_, inside := layerOf(t, "f "+path+" =y mtime=2")
		checkExplained(t, withoutOrigins(inside), outside, []string{want + " /" + path + " mtime content"})
	}
}

// TestLeftBehind: new files are volatile where programs leave such, and if they
// are newer than the image.
func TestLeftBehind(t *testing.T) {
	const spec = "d var mtime=1\nd var/log mtime=1\nd usr mtime=1\nf usr/x mtime=9"
	for name, tt := range map[string]struct {
		scan string
		want []string
	}{
		"a log":           {spec + "\nf var/log/x =x mtime=10", []string{"volatile-content /var/log/x"}},
		"an older log":    {spec + "\nf var/log/x =x mtime=8", []string{"unexplained /var/log/x"}},
		"a directory":     {spec + "\nd var/log/d mtime=10\nf var/log/d/x =x mtime=10", []string{"volatile-content /var/log/d/x", "unexplained /var/log/d"}},
		"elsewhere":       {spec + "\nf usr/log =x mtime=10", []string{"unexplained /usr/log"}},
		"no bytecode":     {spec + "\nd usr/__pycache__ mode=700 uid=1 mtime=10\nf usr/__pycache__/x =x mtime=10", []string{"unexplained /usr/__pycache__", "unexplained /usr/__pycache__/x"}},
		"an empty one":    {spec + "\nd usr/__pycache__ mode=700 uid=1 mtime=10", []string{"unexplained /usr/__pycache__"}},
		"a log that went": {"d var mtime=1\nd var/log mtime=1\nd usr mtime=1", []string{"unexplained /usr/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, outside := layerOf(t, spec)
			_, inside := layerOf(t, tt.scan)
			checkExplained(t, withoutOrigins(inside), outside, tt.want)
		})
	}
}

// TestSameSizeEvidence: a damaged store changes content and nothing else. Content
// of files that are volatile says nothing about that.
func TestSameSizeEvidence(t *testing.T) {
	a, b := strings.Repeat("a", 100), strings.Repeat("b", 100)
	_, outside := layerOf(t, "f x ="+a+" mtime=1\nf y ="+a+" mtime=1\nf z =1 mtime=1\nd tmp mtime=1\nf tmp/x ="+a+" mtime=1")
	_, inside := layerOf(t, "f x ="+b+" mtime=1\nf y =shorter mtime=1\nf z =2 mtime=1\nd tmp mtime=1\nf tmp/x ="+b+" mtime=1")
	inside = withoutOrigins(inside)
	checkExplained(t, inside, outside, []string{"volatile-content /tmp/x content", "content-change /x content", "content-change /y size content storage", "content-change /z content"})
	if diff := cmp.Diff([]string{"1 have the same size on both sides"}, evidenceOf(inside, outside, ContentChange)); diff != "" {
		t.Error(diff)
	}
	_, outside = layerOf(t, "d tmp mtime=1\nf tmp/x ="+a+" mtime=1")
	_, inside = layerOf(t, "d tmp mtime=1\nf tmp/x ="+b+" mtime=1")
	checkExplained(t, withoutOrigins(inside), outside, []string{"volatile-content /tmp/x content"})
}

// TestTargets: a symlink that leads elsewhere is other content, another type is
// not.
func TestTargets(t *testing.T) {
	_, outside := layerOf(t, "l a ->x mtime=1\nl b ->x mtime=1\nf c mtime=1")
	_, inside := layerOf(t, "l a ->y mtime=2\nf b =x mtime=1 mode=777\nf c mtime=2")
	checkExplained(t, withoutOrigins(inside), outside, []string{"unpack-time-mtime /c mtime", "content-change /a mtime target", "unexplained /b type"})
}
