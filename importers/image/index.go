package image

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/printable"
)

// indexDepth is how many indexes may stand between a source and its image.
const indexDepth = 4

// Where writers of OCI layouts put an image's name: image-spec annotations.md,
// and containerd.
var NameAnnotations = []string{"org.opencontainers.image.ref.name", "io.containerd.image.name"}

// descend finds the manifest that a tag or digest and a platform choose.
func descend(index *v1.IndexManifest, from Parts, ref string, platform *v1.Platform, depth int) (v1.Descriptor, []byte, error) {
	all := index.Manifests
	if isDigest(ref) {
		all = nested(all, from, depth)
	}
	desc, err := choose(all, ref, platform)
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	what := "manifest"
	switch {
	case desc.MediaType.IsIndex():
		what = "index"
	case !desc.MediaType.IsImage():
		return v1.Descriptor{}, nil, fmt.Errorf("%v is of type %q, which is no container image", desc.Digest, desc.MediaType)
	}
	raw, err := from.Document(desc)
	if err == nil {
		err = VerifyBytes(what, raw, desc.Digest, desc.Size)
	}
	if err != nil || !desc.MediaType.IsIndex() {
		return desc, raw, err
	}
	if depth++; depth == indexDepth {
		return v1.Descriptor{}, nil, fmt.Errorf("more than %d indexes lead to each other", indexDepth)
	}
	child, err := ParseIndex(raw, desc.MediaType)
	if err != nil {
		return v1.Descriptor{}, nil, fmt.Errorf("the index %v is not valid: %w", desc.Digest, err)
	}
	return descend(child, from, "", platform, depth)
}

// nested adds to the descriptors of an index those of the indexes that it lists, as far as
// these can be read, each once.
func nested(all []v1.Descriptor, from Parts, depth int) []v1.Descriptor {
	list, seen := slices.Clone(all), map[v1.Hash]bool{}
	for depth++; depth < indexDepth; depth++ {
		var below []v1.Descriptor
		for _, d := range all {
			if !d.MediaType.IsIndex() || seen[d.Digest] {
				continue
			}
			seen[d.Digest] = true
			raw, err := from.Document(d)
			if err != nil || VerifyBytes("index", raw, d.Digest, d.Size) != nil {
				continue
			}
			if child, err := ParseIndex(raw, d.MediaType); err == nil {
				below = append(below, child.Manifests...)
			}
		}
		list, all = append(list, below...), below
	}
	return list
}

// choose picks one descriptor of an index.
func choose(all []v1.Descriptor, ref string, platform *v1.Platform) (v1.Descriptor, error) {
	images := slices.DeleteFunc(slices.Clone(all), isAttached)
	named := images
	if ref != "" {
		named = slices.DeleteFunc(slices.Clone(images), func(d v1.Descriptor) bool { return !HasName(d, ref) })
		if len(named) == 0 {
			return v1.Descriptor{}, fmt.Errorf("there is no image %q: there are %s", ref, listNames(images))
		}
	}
	if platform == nil && len(named) > 1 {
		platform = thisMachine()
	}
	fitting := slices.DeleteFunc(slices.Clone(named), func(d v1.Descriptor) bool { return !fits(d, platform) })
	switch {
	case len(named) == 0:
		return v1.Descriptor{}, fmt.Errorf("the index lists no image")
	case len(fitting) == 0:
		return v1.Descriptor{}, &PlatformError{platform, listPlatforms(named)}
	case len(fitting) > 1 && !sameDigest(fitting):
		return v1.Descriptor{}, fmt.Errorf("there are several images: name one of %s", listNames(fitting))
	}
	for _, other := range otherChoices(all, ref, platform) {
		if other.Digest != fitting[0].Digest {
			return v1.Descriptor{}, fmt.Errorf("the index lists %v before the image %v, and readers differ about which one counts: name the image by its digest, or take the other one off the index",
				other.Digest, fitting[0].Digest)
		}
	}
	return fitting[0], nil
}

// otherChoices are what readers take that know no attachments: skopeo takes the first of a
// tag, whatever its platform, and of an index the first for a platform; composefs-rs the
// first for the platform, or for none.
func otherChoices(all []v1.Descriptor, ref string, platform *v1.Platform) []v1.Descriptor {
	if platform == nil {
		platform = thisMachine()
	}
	var list []v1.Descriptor
	add := func(is func(v1.Descriptor) bool) {
		if i := slices.IndexFunc(all, is); i >= 0 {
			list = append(list, all[i])
		}
	}
	if ref != "" {
		add(func(d v1.Descriptor) bool { return d.Annotations[NameAnnotations[0]] == ref })
	}
	add(func(d v1.Descriptor) bool { return (ref == "" || HasName(d, ref)) && fits(d, platform) })
	return list
}

func thisMachine() *v1.Platform { return &v1.Platform{OS: "linux", Architecture: runtime.GOARCH} }

// PlatformError says that an index has no image for a platform.
type PlatformError struct {
	Want *v1.Platform
	// Has lists the platforms that there are images for.
	Has string
}

func (e *PlatformError) Error() string {
	return fmt.Sprintf("there is no image for %s: there are %s", printable.Text(e.Want.String()), e.Has)
}

// isAttached recognises what is about an image but is none: BuildKit's
// attestations and other artifacts. An image's artifact type is that of its
// config, if it is stated at all.
func isAttached(d v1.Descriptor) bool {
	isArtifact := d.ArtifactType != "" && !types.MediaType(d.ArtifactType).IsConfig()
	return d.Annotations["vnd.docker.reference.type"] != "" || isArtifact && !d.MediaType.IsIndex()
}

// HasName says that a descriptor has a tag or, if that is what ref is, a digest: a tag that is
// written like a digest names nothing.
func HasName(d v1.Descriptor, ref string) bool {
	if isDigest(ref) {
		return d.Digest.String() == ref
	}
	return slices.ContainsFunc(NameAnnotations, func(key string) bool { return d.Annotations[key] == ref })
}

// isDigest knows the algorithms of the OCI image-spec, descriptor.md.
func isDigest(ref string) bool {
	algorithm, _, found := strings.Cut(ref, ":")
	return found && (algorithm == "sha256" || algorithm == "sha512")
}

// fits compares platforms; a descriptor without one, or one that leads to an
// index, may fit any.
func fits(d v1.Descriptor, platform *v1.Platform) bool {
	return platform == nil || d.Platform == nil || d.Platform.Satisfies(*platform)
}

func sameDigest(descs []v1.Descriptor) bool {
	return !slices.ContainsFunc(descs, func(d v1.Descriptor) bool { return d.Digest != descs[0].Digest })
}

func listNames(descs []v1.Descriptor) string {
	var names []string
	for _, d := range descs {
		name := "@" + d.Digest.String()
		for _, key := range NameAnnotations {
			if tag := d.Annotations[key]; tag != "" && !isDigest(tag) {
				name = tag
				break
			}
		}
		names = append(names, name)
	}
	return ListOrNone(names)
}

func listPlatforms(descs []v1.Descriptor) string {
	var names []string
	for _, d := range descs {
		if d.Platform != nil {
			names = append(names, d.Platform.String())
		}
	}
	return ListOrNone(names)
}

// ListOrNone lists names for an error.
func ListOrNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return printable.List(names)
}
