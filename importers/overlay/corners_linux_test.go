package overlay

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/canon/overlayfs"
	"cfsverify/importers/scan"
)

const trusted, user = "trusted.overlay.", "user.overlay."

// corner is a stack of layers, 1 the topmost, made by hand.
type corner struct {
	name  string
	rules overlayfs.Rules
	make  func(s stack)
	// shown are the paths of the view, without "/".
	shown string
	// err is what the view cannot be read for, at the path that shown is then.
	err error
}

var errPhantom = errors.New("a whiteout is listed")

var metacopy, userxattr = overlayfs.Rules{Metacopy: true}, overlayfs.Rules{UserXattrs: true}

var corners = []corner{
	{name: "whiteouts where layers merge", make: func(s stack) {
		s.whiteout("1/d/f")
		s.whiteout("1/link")
		s.file("2/d/f")
		s.file("2/d/g")
		s.Symlink("d", "3/link")
		s.file("3/d/f")
	}, shown: "/d /d/g"},
	{name: "a whiteout in the root of a layer alone", make: func(s stack) { s.whiteout("2/f") }, shown: ""},
	{name: "a whiteout in a directory of one layer", make: func(s stack) { s.whiteout("2/d/f") }, shown: "/d/f", err: errPhantom},
	{name: "a whiteout in an opaque directory", make: func(s stack) {
		s.whiteout("1/d/f")
		s.Xattr("1/d", trusted+"opaque", "y")
		s.file("2/d/f")
	}, shown: "/d/f", err: errPhantom},
	{name: "a whiteout in a directory that looks copied up", make: func(s stack) {
		s.whiteout("2/d/f")
		s.Xattr("2/d", trusted+"origin", "")
	}, shown: "/d"},
	{name: "files with the xattr of whiteouts", make: func(s stack) {
		s.dir("1/d")
		s.Xattr("1/d", trusted+"opaque", "x")
		s.xwhiteout("1/d/f")
		s.file("1/d/not-empty")
		s.Xattr("1/d/not-empty", trusted+"whiteout", "")
		s.file("2/d/f")
		s.file("2/d/g")
		s.Xattr("1", trusted+"opaque", "x")
		s.xwhiteout("1/f")
		s.file("2/f")
	}, shown: "/d /d/g /d/not-empty"},
	{name: "a file with the xattr of whiteouts, in no such directory", make: func(s stack) {
		s.xwhiteout("1/d/f")
		s.file("2/d/g")
	}, shown: "/d/f", err: errPhantom},
	{name: "a file with the xattr of whiteouts, in a directory of one layer", make: func(s stack) {
		s.xwhiteout("1/d/f")
		s.Xattr("1/d", trusted+"opaque", "x")
	}, shown: "/d/f", err: errPhantom},
	{name: "opaque directories", make: func(s stack) {
		for _, value := range []string{"y", "yes", "n", ""} {
			s.file("2/opaque" + value + "/new")
			s.Xattr("2/opaque"+value, trusted+"opaque", value)
			s.dir("1/opaque" + value)
			s.file("3/opaque" + value + "/old")
		}
		s.file("2/user/new")
		s.Xattr("2/user", user+"opaque", "y")
		s.file("3/user/old")
		s.Xattr("2", trusted+"opaque", "y")
	}, shown: "/opaque /opaque/new /opaque/old /opaquen /opaquen/new /opaquen/old /opaquey /opaquey/new /opaqueyes /opaqueyes/new /opaqueyes/old /user /user/new /user/old"},
	{name: "what is no directory between directories", make: func(s stack) {
		s.file("1/d/new")
		s.file("2/d")
		s.file("3/d/old")
		s.Symlink("d", "1/e")
		s.file("2/e/x")
	}, shown: "/d /d/new /e"},
	{name: "a whiteout in a directory above a file", make: func(s stack) {
		s.whiteout("1/d/f")
		s.file("2/d")
	}, shown: "/d/f", err: errPhantom},
	{name: "xattrs of both name spaces", make: func(s stack) {
		s.file("1/f")
		for _, x := range []string{trusted + "other", trusted + "overlay.opaque", trusted + "overlay.overlay.a", user + "other", user + "overlay.opaque", "trusted.other"} {
			s.Xattr("1/f", x, x)
			s.Xattr("1", x, x)
		}
	}, shown: "/f"},
	{name: "xattrs of both name spaces, userxattr", rules: userxattr, make: func(s stack) {
		s.file("1/f")
		for _, x := range []string{trusted + "other", trusted + "overlay.opaque", user + "other", user + "overlay.opaque", user + "overlay.overlay.a", "user.other"} {
			s.Xattr("1/f", x, x)
			s.Xattr("1", x, x)
		}
		s.file("1/d/new")
		s.Xattr("1/d", user+"opaque", "y")
		s.Xattr("1/d", trusted+"opaque", "n")
		s.file("2/d/old")
	}, shown: "/d /d/new /f"},

	{name: "redirects", make: func(s stack) {
		s.redirect("1/absolute", "/a/b")
		s.redirect("1/relative", "a")
		s.redirect("1/missing", "/nowhere")
		s.redirect("1/to-file", "/a/file")
		s.redirect("1/cut-short", "a\x00/b")
		s.file("1/missing/f")
		s.whiteout("1/a")
		s.file("2/a/b/f")
		s.file("2/a/file")
		s.file("3/a/b/g")
		s.file("3/a/h")
	}, shown: "/absolute /absolute/f /absolute/g /cut-short /cut-short/b /cut-short/b/f /cut-short/b/g /cut-short/file /cut-short/h " +
		"/missing /missing/f /relative /relative/b /relative/b/f /relative/b/g /relative/file /relative/h /to-file"},
	{name: "redirects of redirects", make: func(s stack) {
		s.redirect("1/x", "/a/b/c")
		s.redirect("2/a/b", "/p/q")
		s.redirect("2/a/b/c", "d")
		s.file("2/a/b/c/two")
		s.file("3/p/q/d/three")
		s.file("3/a/b/c/wrong")
	}, shown: "/a /a/b /a/b/c /a/b/c/three /a/b/c/two /a/b/d /a/b/d/three /p /p/q /p/q/d /p/q/d/three /x /x/three /x/two"},
	{name: "a redirect through an opaque directory", make: func(s stack) {
		s.redirect("1/x", "/a/b")
		s.file("2/a/b/two")
		s.Xattr("2/a", trusted+"opaque", "y")
		s.file("3/a/b/three")
	}, shown: "/a /a/b /a/b/two /x /x/two"},
	{name: "a redirect of an opaque directory's child", make: func(s stack) {
		s.redirect("1/x", "/a/b")
		s.redirect("2/a/b", "/c")
		s.file("2/a/b/two")
		s.Xattr("2/a", trusted+"opaque", "y")
		s.file("3/c/three")
	}, shown: "/a /a/b /a/b/three /a/b/two /c /c/three /x /x/three /x/two"},
	{name: "a redirect from a directory that few layers have", make: func(s stack) {
		s.redirect("2/p/x", "/y")
		s.file("1/y/one")
		s.file("2/y/two")
		s.file("3/y/three")
	}, shown: "/p /p/x /p/x/three /y /y/one /y/three /y/two"},
	{name: "a redirect through a whiteout, a file and a redirected parent", make: func(s stack) {
		s.redirect("1/x", "/w/a")
		s.redirect("1/y", "/f/a")
		s.redirect("1/z", "/r/a")
		s.whiteout("2/w")
		s.file("2/f")
		s.redirect("2/r", "other")
		s.file("3/w/a/three")
		s.file("3/f/a/three")
		s.file("3/other/a/three")
	}, shown: "/f /other /other/a /other/a/three /r /r/a /r/a/three /x /y /z /z/three"},
	{name: "two redirects to a directory that shows", make: func(s stack) {
		s.redirect("1/x", "/a")
		s.redirect("1/y", "/a")
		s.file("2/a/f")
	}, shown: "/a /a/f /x /x/f /y /y/f"},
	{name: "a redirect of a file", make: func(s stack) {
		s.file("1/f")
		s.Xattr("1/f", trusted+"redirect", "/nowhere/..")
	}, shown: "/f"},
	{name: "a redirect to two names", make: func(s stack) { s.redirect("1/x", "a/b") }, shown: "/x", err: overlayfs.ErrRedirect},
	{name: "an empty redirect", make: func(s stack) { s.redirect("1/x", "") }, shown: "/x", err: overlayfs.ErrRedirect},
	{name: "a redirect to the root", make: func(s stack) { s.redirect("1/x", "/") }, shown: "/x", err: overlayfs.ErrRedirect},
	{name: "a redirect to a parent", make: func(s stack) { s.redirect("1/x", "..") }, shown: "/x", err: overlayfs.ErrRedirectName},
	{name: "a redirect through a parent", make: func(s stack) {
		s.redirect("1/x", "/a/../b")
		s.file("2/a/f")
	}, shown: "/x", err: overlayfs.ErrRedirectName},
	{name: "a redirect, userxattr", rules: userxattr, make: func(s stack) {
		s.redirect("1/x", "y")
		s.Xattr("1/x", user+"redirect", "y")
		s.dir("2/x")
	}, shown: "/x", err: overlayfs.ErrRedirectOff},
	{name: "a redirect in the last layer, userxattr", rules: userxattr, make: func(s stack) {
		s.dir("3/d/x")
		s.Xattr("3/d/x", user+"redirect", "y")
	}, shown: "/d /d/x"},

	{name: "metadata alone", rules: metacopy, make: func(s stack) {
		s.metacopy("1/f")
		s.file("2/f")
		s.metacopy("1/g")
		s.Xattr("1/g", trusted+"redirect", "/d/old")
		s.metacopy("2/d/old")
		s.Xattr("2/d/old", trusted+"redirect", "older")
		s.file("3/d/older")
		s.file("3/d/old")
		s.metacopy("1/h")
		s.Link("1/h", "1/h2")
		s.file("2/h")
		s.file("3/h2")
	}, shown: "/d /d/old /d/older /f /g /h /h2"},
	{name: "metadata without content", rules: metacopy, make: func(s stack) { s.metacopy("1/f") }, shown: "/f", err: overlayfs.ErrNoData},
	{name: "metadata above a whiteout", rules: metacopy, make: func(s stack) {
		s.metacopy("1/f")
		s.whiteout("2/f")
		s.file("3/f")
	}, shown: "/f", err: overlayfs.ErrNoData},
	{name: "metadata above a symlink", rules: metacopy, make: func(s stack) {
		s.metacopy("1/f")
		s.Symlink("x", "2/f")
	}, shown: "/f", err: overlayfs.ErrNoData},
	{name: "metadata alone, without metacopy=on", make: func(s stack) {
		s.metacopy("1/f")
		s.file("2/f")
	}, shown: "/f", err: overlayfs.ErrMetacopyOff},
	{name: "damaged metadata", rules: metacopy, make: func(s stack) {
		s.file("1/f")
		s.Xattr("1/f", trusted+"metacopy", "abc")
		s.file("2/f")
	}, shown: "/f", err: overlayfs.ErrMetacopySize},
	{name: "metadata alone that is hidden", rules: metacopy, make: func(s stack) {
		s.whiteout("1/f")
		s.metacopy("2/f")
	}, shown: ""},

	{name: "hardlinks", make: func(s stack) {
		s.file("1/a")
		s.Link("1/a", "1/b")
		s.Link("1/a", "2/b")
		s.Link("1/a", "2/c")
		s.Link("1/a", "3/d")
		s.whiteout("1/d")
	}, shown: "/a /b /c"},
}

func TestCorners(t *testing.T) {
	for _, c := range corners {
		t.Run(c.name, func(t *testing.T) {
			s := newStack(t, c.rules, "1", "2", "3")
			c.make(s)
			tree, err := s.sameAsKernel()
			if c.err != nil {
				checkCornerError(t, s, c, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var shown []string
			for path := range tree.All() {
				if path != "/" {
					shown = append(shown, path)
				}
			}
			if got := strings.Join(shown, " "); got != c.shown {
				t.Errorf("it shows %s, want %s", got, c.shown)
			}
		})
	}
}

func checkCornerError(t *testing.T, s stack, c corner, err error) {
	t.Helper()
	var refused *overlayfs.Error
	var phantom *scan.PhantomError
	switch {
	case c.err == errPhantom:
		if !errors.As(err, &phantom) || !strings.HasPrefix(phantom.Path, s.Dir) || !strings.HasSuffix(phantom.Path, c.shown) {
			t.Errorf("error %v", err)
		}
	case !errors.As(err, &refused) || refused.Err != c.err || refused.Path != c.shown:
		t.Errorf("error %v", err)
	}
}

// TestSizesOfMetadata: overlayfs shows the size of the layer that has the metadata, and
// the content of the other one, which a scan takes for a change.
func TestSizesOfMetadata(t *testing.T) {
	s := newStack(t, metacopy, "1", "2")
	s.File("1/f", "four")
	s.Xattr("1/f", trusted+"metacopy", "")
	s.File("2/f", "sixsix")
	if _, err := s.byKernel(); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("error of the scan: %v", err)
	}
	if _, err := s.byReading(); err == nil || !strings.Contains(err.Error(), `"/f": `) || !strings.Contains(err.Error(), "cannot be read whole") {
		t.Errorf("error %v", err)
	}
}

func (s stack) dir(name string) { s.Helper(); s.Mkdir(name) }

// parent makes the directory of a name.
func (s stack) parent(name string) {
	s.Helper()
	s.Mkdir(name[:strings.LastIndexByte(name, '/')])
}

// file makes one that is like no other but of one size.
func (s stack) file(name string) {
	s.Helper()
	s.parent(name)
	s.File(name, name+strings.Repeat(".", 100-len(name)))
}

func (s stack) whiteout(name string) {
	s.Helper()
	s.parent(name)
	s.Mknod(name, unix.S_IFCHR, 0, 0)
}

func (s stack) xwhiteout(name string) {
	s.Helper()
	s.parent(name)
	s.File(name, "")
	s.Xattr(name, trusted+"whiteout", "")
}

func (s stack) redirect(name, to string) {
	s.Helper()
	s.Mkdir(name)
	s.Xattr(name, trusted+"redirect", to)
}

// metacopy makes a file with an owner and a hole as its content.
func (s stack) metacopy(name string) {
	s.Helper()
	s.parent(name)
	s.File(name, "")
	s.Do(unix.Truncate(s.Path(name), 100))
	s.Do(unix.Chown(s.Path(name), 12, 34))
	s.Xattr(name, trusted+"metacopy", "")
}
