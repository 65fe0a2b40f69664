package storage

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// place says where images are looked for.
type place struct {
	// driver is empty if nobody chose one.
	driver string
	// stores are directories, in the order in which they are searched.
	stores []storeDir
}

// storeDir is the directory of a store.
type storeDir struct {
	path string
	// optional: nothing is wrong if it is not there.
	optional bool
}

// parseSpec reads DRIVER@GRAPHROOT+RUNROOT:OPTION,…, of which all but GRAPHROOT may be left
// out, as containers/image does (storage/storage_transport.go). The run root and options
// that name no store mean nothing here.
func parseSpec(spec string) (place, error) {
	driver, rest, found := strings.Cut(spec, "@")
	switch {
	case !found:
		driver, rest = "", spec
	case driver == "":
		return place{}, errors.New("the driver before @ is missing")
	}
	rest, options, _ := strings.Cut(rest, ":")
	root, run, _ := strings.Cut(rest, "+")
	if root == "" {
		return place{}, errors.New("the graph root is missing: write [overlay@GRAPHROOT]")
	}
	for _, path := range []string{root, run} {
		if path != "" && !filepath.IsAbs(path) {
			return place{}, fmt.Errorf("path name %q is not absolute", path)
		}
	}
	p := place{driver: driver}
	imageStore, additional := storeOptions(strings.Split(options, ","))
	p.add(imageStore, root, additional)
	return p, nil
}

// storeOptions are the stores that driver options name.
func storeOptions(options []string) (imageStore string, additional []string) {
	for _, option := range options {
		key, value, _ := strings.Cut(option, "=")
		switch strings.TrimPrefix(strings.TrimSpace(key), "overlay.") {
		case "imagestore":
			imageStore = value
		case "additionalimagestore":
			additional = append(additional, value)
		}
	}
	return imageStore, additional
}

// add adds stores in the order in which they are searched. Distributions configure
// additional ones that are not there.
func (p *place) add(imageStore, graphRoot string, additional []string) {
	for i, path := range append([]string{imageStore, graphRoot}, additional...) {
		if path == "" {
			continue
		}
		path = filepath.Clean(path)
		if !slices.ContainsFunc(p.stores, func(s storeDir) bool { return s.path == path }) {
			p.stores = append(p.stores, storeDir{path: path, optional: i > 1})
		}
	}
}
