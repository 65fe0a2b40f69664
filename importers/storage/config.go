package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"cfsverify/canon/printable"
)

// environment is what decides which stores are configured.
type environment struct {
	getenv func(string) string
	// user is whose storage it is: not 0 in podman unshare.
	user int
	// etc and share are the directories of the system's configuration.
	etc, share string
}

// configured says which stores programs would use that are started as this one is.
func configured() (place, error) {
	e := environment{getenv: os.Getenv, user: os.Geteuid(), etc: "/etc/containers", share: "/usr/share/containers"}
	// containers/storage sets it in the user namespace of podman unshare.
	if user, err := strconv.Atoi(e.getenv("_CONTAINERS_ROOTLESS_UID")); err == nil {
		e.user = user
	}
	return e.place()
}

// settings are those of a storage.conf that matter here.
type settings struct {
	Driver       string `toml:"driver"`
	GraphRoot    string `toml:"graphroot"`
	ImageStore   string `toml:"imagestore"`
	RootlessPath string `toml:"rootless_storage_path"`
	Options      struct {
		Additional []string `toml:"additionalimagestores"`
	} `toml:"options"`
	// own: GraphRoot is one that holds for users, too.
	own bool
}

// place reads the configuration as containers/storage of all versions does: before 1.60 of
// one file of the system and one of the user, since then of drop-ins as well.
func (e environment) place() (place, error) {
	var s settings
	for _, file := range e.files() {
		if err := s.read(file); err != nil {
			return place{}, err
		}
	}
	if driver := e.getenv("STORAGE_DRIVER"); driver != "" {
		s.Driver = driver
	}
	if options := e.getenv("STORAGE_OPTS"); options != "" {
		s.ImageStore, s.Options.Additional = storeOptions(strings.Split(options, ","))
	}
	p := place{driver: s.Driver}
	p.add(s.ImageStore, e.graphRoot(s), s.Options.Additional)
	return p, nil
}

// configFile is a file that may set something.
type configFile struct {
	path string
	// must: it is an error if it is not there.
	must bool
	// own: it is the user's own, or one for users.
	own bool
}

// files are those that are read, the later ones over the earlier ones.
func (e environment) files() []configFile {
	if file := e.getenv("CONTAINERS_STORAGE_CONF"); file != "" {
		files := []configFile{{path: file, must: true, own: true}}
		return append(files, e.override()...)
	}
	system := filepath.Join(e.share, "storage.conf")
	if file := filepath.Join(e.etc, "storage.conf"); exists(file) {
		system = file
	}
	files := []configFile{{path: system}}
	dirs := []string{filepath.Join(e.share, "storage.conf.d"), filepath.Join(e.etc, "storage.conf.d")}
	for _, base := range []string{e.share, e.etc} {
		if e.user == 0 {
			dirs = append(dirs, filepath.Join(base, "storage.rootful.conf.d"))
			continue
		}
		rootless := filepath.Join(base, "storage.rootless.conf.d")
		dirs = append(dirs, rootless, filepath.Join(rootless, strconv.Itoa(e.user)))
	}
	if e.user != 0 {
		config := e.home("XDG_CONFIG_HOME", ".config")
		files = append(files, configFile{path: filepath.Join(config, "containers/storage.conf"), own: true})
		dirs = append(dirs, filepath.Join(config, "containers/storage.conf.d"))
	}
	files = append(files, dropIns(dirs)...)
	return append(files, e.override()...)
}

// override is a file that is read after all others.
func (e environment) override() []configFile {
	if file := e.getenv("CONTAINERS_STORAGE_CONF_OVERRIDE"); file != "" {
		return []configFile{{path: file, must: true, own: true}}
	}
	return nil
}

// dropIns are the files of directories in the order of their names. Of two with one name
// that of the later directory counts.
func dropIns(dirs []string) []configFile {
	byName := map[string]string{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".conf") && !e.IsDir() {
				byName[e.Name()] = filepath.Join(dir, e.Name())
			}
		}
	}
	var files []configFile
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		files = append(files, configFile{path: byName[name], own: true})
	}
	return files
}

// configMax is the size in bytes up to which a file is read.
const configMax = 1 << 20

// read has a file set what it says.
func (s *settings) read(file configFile) error {
	f, err := os.Open(file.path)
	if errors.Is(err, fs.ErrNotExist) && !file.must {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	before := s.GraphRoot
	s.GraphRoot = ""
	set := struct {
		Storage *settings `toml:"storage"`
	}{s}
	if _, err := toml.NewDecoder(io.LimitReader(f, configMax)).Decode(&set); err != nil {
		return fmt.Errorf("%s: %w", printable.Text(file.path), printable.Error(err))
	}
	switch {
	case s.GraphRoot != "":
		s.own = file.own
	default:
		s.GraphRoot = before
	}
	return nil
}

// graphRoot is the user's graph root. That of a system's file holds for root; programs
// differ about users, so theirs it is only if it is.
func (e environment) graphRoot(s settings) string {
	switch {
	case s.GraphRoot != "" && (s.own || e.user == 0):
		return e.expand(s.GraphRoot)
	case e.user == 0:
		return "/var/lib/containers/storage"
	case s.RootlessPath != "":
		return e.expand(s.RootlessPath)
	case s.GraphRoot != "" && ownerOf(s.GraphRoot) == e.user:
		return s.GraphRoot
	}
	return filepath.Join(e.home("XDG_DATA_HOME", ".local/share"), "containers/storage")
}

// home is a directory of the user by the XDG rules.
func (e environment) home(variable, below string) string {
	if dir := e.getenv(variable); dir != "" {
		return dir
	}
	return filepath.Join(e.getenv("HOME"), below)
}

func (e environment) expand(path string) string {
	return os.Expand(path, func(name string) string {
		if name == "UID" {
			return strconv.Itoa(e.user)
		}
		return e.getenv(name)
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
