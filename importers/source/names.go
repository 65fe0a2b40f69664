package source

import (
	"bytes"
	"encoding/hex"
	"path"
	"strings"

	"cfsverify/importers/document"
)

// names are those at the top of a directory or archive, which tell images from root
// file systems and layers.
type names struct {
	// image has those that images have.
	image map[string]bool
	// digest says that one is a digest, as docker save and skopeo call what they write.
	digest bool
	// files are those of other files, and more says that there are other names.
	files map[string]bool
	more  bool
	// root says that one is a directory of root file systems.
	root bool
	// list says that manifest.json is the list that docker save writes, or may be it;
	// listed are the files that it names.
	list   bool
	listed map[string]bool
}

// Staging is what the names of directories begin with in which somebody stages what is to
// be added to an OCI layout.
const Staging = ".cfsverify-"

// filesMax is far more than images have in files at their top.
const filesMax = 1000

func newNames() *names {
	return &names{image: map[string]bool{}, files: map[string]bool{}, listed: map[string]bool{}}
}

// add notes a path below the directory, or in the archive.
func (n *names) add(name string, isDir bool) {
	top, _, isBelow := strings.Cut(cleanName(name), "/")
	switch top {
	case "":
	case "blobs", "config.json", "index.json", "index.json.lock", "ingest", "manifest.json", "oci-layout", "repositories":
		n.image[top] = true
	case "bin", "etc", "usr":
		n.root, n.more = true, true
	default:
		switch {
		case strings.HasPrefix(top, Staging):
		case isDigest(top):
			n.digest = true
		case isDir || isBelow || len(n.files) == filesMax:
			n.more = true
		default:
			n.files[top] = true
		}
	}
}

// cleanName is a path from the top, which has no name.
func cleanName(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// isDigest says that a name begins with a digest, as HEX, HEX.json, HEX.tar.gz and
// sha256:HEX do.
func isDigest(name string) bool {
	digits, _, _ := strings.Cut(strings.TrimPrefix(name, "sha256:"), ".")
	_, err := hex.DecodeString(digits)
	return err == nil && len(digits) == 64
}

// addManifest notes what manifest.json holds.
func (n *names) addManifest(content []byte) {
	if !bytes.HasPrefix(bytes.TrimLeft(content, " \t\r\n"), []byte("[")) {
		return
	}
	n.list = true
	var images []struct {
		Config string   `json:"Config"`
		Layers []string `json:"Layers"`
	}
	// What is wrong with it, who reads it as an image says.
	_ = document.Decode(content, &images)
	for _, image := range images {
		for _, name := range append(image.Layers, image.Config) {
			n.listed[cleanName(name)] = true
		}
	}
}

// isLayout says that at least two of the three names are there that OCI layouts have
// (OCI image-spec, image-layout.md).
func (n *names) isLayout() bool {
	has := 0
	for _, name := range []string{"oci-layout", "index.json", "blobs"} {
		if n.image[name] {
			has++
		}
	}
	return has >= 2
}

// hasOthers says that there are names that no image has at its top.
func (n *names) hasOthers() bool {
	if n.more {
		return true
	}
	for name := range n.files {
		if !n.listed[name] {
			return true
		}
	}
	return false
}

// isSaved says that nothing but an image is there, as docker save writes it. It does not
// depend on what manifest.json holds.
func (n *names) isSaved() bool {
	return n.image["manifest.json"] && (n.digest || n.image["repositories"]) && !n.hasOthers()
}

// isSkopeo says that nothing but an image is there, as skopeo and podman save write it to
// a directory (containers/image, directory/directory_transport.go).
func (n *names) isSkopeo() bool {
	for name := range n.files {
		if name != "version" && !strings.HasPrefix(name, "signature-") {
			return false
		}
	}
	return n.image["manifest.json"] && n.files["version"] && n.digest && !n.more && !n.isLayout()
}
