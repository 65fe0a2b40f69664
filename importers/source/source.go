package source

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"cfsverify/canon/printable"
)

// Transport is a kind of source, named as skopeo and podman name them.
type Transport string

const (
	Dir           Transport = "dir"            // a root file system
	Dump          Transport = "dump"           // a composefs dump file
	Erofs         Transport = "erofs"          // a composefs image
	OCI           Transport = "oci"            // an OCI image layout
	OCIArchive    Transport = "oci-archive"    // the same as a tar file
	DockerArchive Transport = "docker-archive" // what docker save writes
	Docker        Transport = "docker"         // an image in a registry
	Tar           Transport = "tar"            // bare layers
	Unpacked      Transport = "unpacked"       // what an engine unpacked of an image in a local storage

	ContainersStorage Transport = "containers-storage" // an image that podman or buildah has
	DockerOverlay2    Transport = "docker-overlay2"    // an image that docker has, by its driver overlay2
)

// Transports lists all of them.
func Transports() []Transport {
	return []Transport{Dir, Dump, Erofs, OCI, OCIArchive, DockerArchive, Docker, ContainersStorage, DockerOverlay2, Tar, Unpacked}
}

// Source names a root file system to import.
type Source struct {
	Transport Transport
	// Path is a file or directory, "-" for standard input where that can be. Of
	// ContainersStorage and DockerOverlay2 it is what stands in the brackets, empty for the
	// stores that are configured.
	Path string
	// Ref picks an image: a tag or digest of an OCI layout or archive, the
	// NAME:TAG of one in a docker archive, the whole reference in a registry, the name or
	// ID in the local storage.
	Ref string
	// Layers are the files of Tar, lowest layer first.
	Layers []string
	// Storage is, of Unpacked, the kind of the storage: the transport of its images.
	Storage Transport
}

// Unpacked names what the engine unpacked of the image that the source names; ok says that
// this is one in a local storage.
func (s Source) Unpacked() (unpacked Source, ok bool) {
	ok = s.Transport == ContainersStorage || s.Transport == DockerOverlay2
	s.Storage, s.Transport = s.Transport, Unpacked
	return s, ok
}

// Stored names the image of Unpacked.
func (s Source) Stored() Source {
	s.Transport, s.Storage = s.Storage, ""
	return s
}

// String is the source in a message: what Name is, but for what cannot be printed.
func (s Source) String() string { return printable.Text(s.Name()) }

// Name writes the source as Parse reads it.
func (s Source) Name() string {
	switch s.Transport {
	case Docker:
		return "docker://" + s.Ref
	case Tar:
		return "tar:" + strings.Join(s.Layers, ",")
	case Unpacked:
		return "unpacked:" + s.Stored().Name()
	case ContainersStorage, DockerOverlay2:
		if s.Path == "" {
			return string(s.Transport) + ":" + s.Ref
		}
		return string(s.Transport) + ":[" + s.Path + "]" + s.Ref
	}
	text := string(s.Transport) + ":" + s.Path
	switch {
	case s.Ref == "":
		return text
	case strings.HasPrefix(s.Ref, "sha256:") && s.Transport != DockerArchive:
		return text + "@" + s.Ref
	}
	return text + ":" + s.Ref
}

// Pin names the image with this manifest, whatever becomes of a tag. Sources
// whose images have no manifest stay as they are.
func (s Source) Pin(manifest []byte) Source {
	if manifest == nil {
		return s
	}
	digest := "sha256:" + fmt.Sprintf("%x", sha256.Sum256(manifest))
	switch s.Transport {
	case OCI, OCIArchive:
		s.Ref = digest
	case Docker:
		if ref, err := name.ParseReference(s.Ref); err == nil {
			s.Ref = ref.Context().Digest(digest).String()
		}
	case ContainersStorage:
		// An ID, which may be written with @, is of one image already.
		if ref, _, isDigest := strings.Cut(s.Ref, "@sha256:"); isDigest || !strings.Contains(ref, "@") && !isID(ref) {
			s.Ref = withoutTag(ref) + "@" + digest
		}
	}
	return s
}

// isID says that a name in the local storage may be the beginning of an ID.
func isID(ref string) bool {
	return strings.Trim(strings.TrimPrefix(ref, "sha256:"), "0123456789abcdef") == ""
}

func withoutTag(name string) string {
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		return name[:colon]
	}
	return name
}

// IsFinal says that the source is the end of a pipeline, a tree to which a
// policy was applied when it was written.
func (s Source) IsFinal() bool { return s.Transport == Dump || s.Transport == Erofs }

// Files are the paths that the source names, of which "-" is standard input.
func (s Source) Files() []string {
	switch s.Transport {
	case Docker, ContainersStorage, DockerOverlay2, Unpacked:
		return nil
	case Tar:
		return s.Layers
	}
	return []string{s.Path}
}

// HasLayers says that the source is a container image, or bare layers.
func (s Source) HasLayers() bool { return !s.IsScan() && !s.IsFinal() }

// IsScan says that the source is a root file system in files of its own.
func (s Source) IsScan() bool { return s.Transport == Dir || s.Transport == Unpacked }

// Parse reads a source as it is written on a command line. Without a
// transport it is looked at: a path must exist, and be something that is
// recognised without doubt.
func Parse(arg string) (Source, error) {
	if arg == "" {
		return Source{}, fmt.Errorf("a source is empty: name a directory, file or image")
	}
	if arg == "-" {
		return Source{Transport: Dump, Path: "-"}, nil
	}
	name, rest, found := strings.Cut(arg, ":")
	transport := Transport(name)
	if !found || !slices.Contains(Transports(), transport) {
		return recognise(arg)
	}
	switch transport {
	case Docker:
		ref, ok := strings.CutPrefix(rest, "//")
		if !ok || ref == "" {
			return Source{}, fmt.Errorf("%q: write an image in a registry as docker://REGISTRY/NAME:TAG", arg)
		}
		return Source{Transport: Docker, Ref: ref}, nil
	case Tar:
		layers := strings.Split(rest, ",")
		if slices.Contains(layers, "") {
			return Source{}, fmt.Errorf("%q: a layer has no file name: write tar:FILE[,FILE…], lowest layer first", arg)
		}
		return Source{Transport: Tar, Layers: layers}, nil
	case ContainersStorage, DockerOverlay2:
		return parseStorage(transport, arg, rest)
	case Unpacked:
		return parseUnpacked(arg, rest)
	}
	if rest == "" {
		return Source{}, fmt.Errorf("%q: the path is missing", arg)
	}
	s := Source{Transport: transport, Path: rest}
	if transport == OCI || transport == OCIArchive || transport == DockerArchive {
		s.Path, s.Ref = splitRef(rest, transport != DockerArchive)
	}
	return s, nil
}

// parseUnpacked reads the source of an image in a local storage, or what follows its
// transport if that is ContainersStorage.
func parseUnpacked(arg, rest string) (Source, error) {
	name, spec, found := strings.Cut(rest, ":")
	storage := Transport(name)
	if !found || storage != ContainersStorage && storage != DockerOverlay2 {
		storage, spec = ContainersStorage, rest
	}
	if found && storage == ContainersStorage && Transport(name) != storage && slices.Contains(Transports(), Transport(name)) {
		return Source{}, fmt.Errorf("%q: only images of containers-storage: and docker-overlay2: are unpacked", arg)
	}
	stored, err := parseStorage(storage, arg, spec)
	if err != nil {
		return Source{}, err
	}
	s, _ := stored.Unpacked()
	return s, nil
}

// parseStorage reads [SPEC]NAME, of which the brackets may be left out. What is in them,
// who opens the storage understands.
func parseStorage(transport Transport, arg, rest string) (Source, error) {
	s := Source{Transport: transport, Ref: rest}
	if spec, found := strings.CutPrefix(rest, "["); found {
		s.Path, s.Ref, found = strings.Cut(spec, "]")
		if !found || s.Path == "" {
			return Source{}, fmt.Errorf("%q: write a store as %s", arg, map[Transport]string{
				ContainersStorage: "containers-storage:[overlay@GRAPHROOT]NAME", DockerOverlay2: "docker-overlay2:[DATAROOT]NAME",
			}[transport])
		}
	}
	if s.Ref == "" {
		return Source{}, fmt.Errorf("%q: the name or ID of an image is missing", arg)
	}
	return s, nil
}

// splitRef takes a tag or digest off a path. A name that exists as a whole has
// none; else the path ends at the first colon behind which a path exists, or
// else at the first colon. Of a tag and a digest the digest counts.
func splitRef(s string, digests bool) (path, ref string) {
	if exists(s) {
		return s, ""
	}
	if at := strings.LastIndex(s, "@sha256:"); at > 0 && digests {
		path, _ = splitRef(s[:at], false)
		return path, s[at+1:]
	}
	for i := range len(s) {
		if s[i] == ':' && exists(s[:i]) {
			return s[:i], s[i+1:]
		}
	}
	path, ref, _ = strings.Cut(s, ":")
	return path, ref
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
