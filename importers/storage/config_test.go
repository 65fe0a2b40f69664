package storage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/files"
)

// TestConfigured: the stores are those that containers/storage would use, of any version.
// What the old ones do was traced of skopeo 1.9.3, and the new ones of v1.65.1.
func TestConfigured(t *testing.T) {
	const system, user = "etc/storage.conf", "home/.config/containers/storage.conf"
	owner := os.Geteuid()
	if owner == 0 {
		owner = 1000
	}
	root := func(path string) string { return "[storage]\ndriver=\"overlay\"\ngraphroot=\"" + path + "\"\n" }
	for name, c := range map[string]struct {
		files map[string]string
		env   map[string]string
		user  int
		// ~ is the directory of all.
		want string
	}{
		"nothing":                            {want: "/var/lib/containers/storage"},
		"nothing, user":                      {user: 1000, want: "~/home/.local/share/containers/storage"},
		"nothing, user with XDG":             {user: 1000, env: map[string]string{"XDG_DATA_HOME": "~/data"}, want: "~/data/containers/storage"},
		"the system's":                       {files: map[string]string{system: root("/s"), "share/storage.conf": root("/t")}, want: "/s"},
		"the distribution's":                 {files: map[string]string{"share/storage.conf": root("/t")}, want: "/t"},
		"the user's is not root's":           {files: map[string]string{user: root("/u")}, want: "/var/lib/containers/storage"},
		"the user's":                         {user: 1000, files: map[string]string{system: root("/s"), user: root("$HOME/u")}, want: "~/home/u"},
		"the user's elsewhere":               {user: 1000, env: map[string]string{"XDG_CONFIG_HOME": "~/conf"}, files: map[string]string{"conf/containers/storage.conf": root("/u$UID")}, want: "/u1000"},
		"the system's is no user's":          {user: 1000, files: map[string]string{system: root("/")}, want: "~/home/.local/share/containers/storage"},
		"the system's is the user's":         {user: owner, files: map[string]string{system: root("~/own")}, want: "~/own"},
		"rootless path":                      {user: 1000, files: map[string]string{system: root("/s") + "rootless_storage_path=\"$HOME/r/$UID/$USER\"\n"}, env: map[string]string{"USER": "somebody"}, want: "~/home/r/1000/somebody"},
		"rootless path is no matter of root": {files: map[string]string{system: root("/s") + "rootless_storage_path=\"/r\"\n"}, want: "/s"},
		"drop-ins": {files: map[string]string{system: root("/s"), "share/storage.conf.d/20.conf": root("/20"), "etc/storage.conf.d/10.conf": root("/10"),
			"etc/storage.conf.d/30": root("/no"), "etc/storage.rootless.conf.d/40.conf": root("/no")}, want: "/20"},
		"a drop-in in the place of another": {files: map[string]string{"share/storage.conf.d/20.conf": root("/20"), "etc/storage.conf.d/20.conf": root("/etc20"), "etc/storage.rootful.conf.d/10.conf": root("/10")}, want: "/etc20"},
		"drop-ins for a user": {user: 1000, files: map[string]string{system: root("/s"), "etc/storage.rootless.conf.d/10.conf": root("/all"), "etc/storage.rootless.conf.d/1000/20.conf": root("/one"),
			"etc/storage.rootless.conf.d/1001/30.conf": root("/other"), "etc/storage.rootful.conf.d/40.conf": root("/root")}, want: "/one"},
		"drop-ins of a user":         {user: 1000, files: map[string]string{user: root("/u"), "home/.config/containers/storage.conf.d/a.conf": "[storage.options]\nadditionalimagestores=[\"/a\"]"}, want: "/u /a?"},
		"one file":                   {env: map[string]string{"CONTAINERS_STORAGE_CONF": "~/one.conf"}, files: map[string]string{system: root("/s"), "etc/storage.conf.d/a.conf": root("/a"), "one.conf": root("/one")}, want: "/one"},
		"one file, user":             {user: 1000, env: map[string]string{"CONTAINERS_STORAGE_CONF": "~/one.conf"}, files: map[string]string{"one.conf": root("/one")}, want: "/one"},
		"one file that is not there": {env: map[string]string{"CONTAINERS_STORAGE_CONF": "~/none.conf"}, want: "open ~/none.conf: no such file or directory"},
		"override":                   {env: map[string]string{"CONTAINERS_STORAGE_CONF_OVERRIDE": "~/over.conf"}, files: map[string]string{system: root("/s") + "imagestore=\"/i\"\n", "over.conf": root("/over")}, want: "/i /over"},
		"more stores":                {files: map[string]string{system: root("/s/") + "imagestore=\"/i\"\n[storage.options]\nadditionalimagestores=[\"/a\", \"/s\", \"/b\"]\n[storage.options.overlay]\nmountopt=\"nodev\"\n"}, want: "/i /s /a? /b?"},
		"options of the environment": {env: map[string]string{"STORAGE_OPTS": "overlay.mountopt=nodev,additionalimagestore=/x,overlay.imagestore=/y"},
			files: map[string]string{system: root("/s") + "[storage.options]\nadditionalimagestores=[\"/a\"]"}, want: "/y /s /x?"},
		"driver":                    {files: map[string]string{system: "[storage]\ndriver=\"btrfs\"\ngraphroot=\"/s\""}, want: "btrfs: /s"},
		"driver of the environment": {env: map[string]string{"STORAGE_DRIVER": "vfs"}, files: map[string]string{system: root("/s")}, want: "vfs: /s"},
		"no TOML":                   {files: map[string]string{system: "storage"}, want: "~/etc/storage.conf: toml: line 1: unexpected EOF; expected key separator '='"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			at := func(text string) string { return strings.ReplaceAll(text, "~/", dir+"/") }
			m := files.New(t, dir)
			m.Mkdir("own")
			m.Do(os.Chown(m.Path("own"), owner, -1))
			for name, content := range c.files {
				files.Write(t, filepath.Join(dir, name), []byte(at(content)))
			}
			e := environment{user: c.user, etc: filepath.Join(dir, "etc"), share: filepath.Join(dir, "share"), getenv: func(name string) string {
				if name == "HOME" {
					return filepath.Join(dir, "home")
				}
				return at(c.env[name])
			}}
			got, err := e.place()
			text := strings.Join(placeWords(got), " ")
			if err != nil {
				text = err.Error()
			}
			if text != at(c.want) {
				t.Errorf("%s, want %s", text, at(c.want))
			}
		})
	}
}

// placeWords are the driver, unless it is overlay, and the stores, of which those that need
// not be there have a question mark.
func placeWords(p place) []string {
	var words []string
	if p.driver != "" && p.driver != "overlay" {
		words = append(words, p.driver+":")
	}
	for _, s := range p.stores {
		if s.optional {
			s.path += "?"
		}
		words = append(words, s.path)
	}
	return words
}

// TestParseSpec: the grammar is that of containers/image, storage/storage_transport.go.
func TestParseSpec(t *testing.T) {
	for spec, want := range map[string]string{
		"/r":          "/r",
		"overlay@/r":  "/r",
		"overlay2@/r": "overlay2: /r",
		"vfs@/r+/run": "vfs: /r",
		"/r+/run:a=b": "/r",
		"overlay@/r/": "/r",
		"overlay@/r:imagestore=/i,additionalimagestore=/a,overlay.additionalimagestore=/b,overlay.imagestore=/j": "/j /r /a? /b?",
		"overlay@/r:overlay.mountopt=nodev": "/r",
		"overlay@/r:":                       "/r",
		"@/r":                               "error: the driver before @ is missing",
		"overlay@":                          "error: the graph root is missing: write [overlay@GRAPHROOT]",
		"overlay@+/run":                     "error: the graph root is missing: write [overlay@GRAPHROOT]",
		"overlay":                           `error: path name "overlay" is not absolute`,
		"overlay@r":                         `error: path name "r" is not absolute`,
		"overlay@/r+run":                    `error: path name "run" is not absolute`,
	} {
		got, err := parseSpec(spec)
		text := strings.Join(placeWords(got), " ")
		if err != nil {
			text = "error: " + err.Error()
		}
		if diff := cmp.Diff(want, text); diff != "" {
			t.Errorf("%s: %s", spec, diff)
		}
	}
}
