package storage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon/printable"
	"cfsverify/importers/image"
	"cfsverify/importers/source"
)

// named is the image that a name is of.
type named struct {
	store *store
	image *imageRecord
	// manifest is the digest that the name has, zero if it has none.
	manifest v1.Hash
}

// lookUp finds the image that a name is of: by skopeo's rules, and then as podman does it,
// by localhost/NAME and by the end of a name. A name that an earlier rule knows is not held
// against later ones, and of one image in several stores the first counts.
func lookUp(stores []*store, s source.Source) (named, error) {
	ref := s.Ref
	name, is, found := cutLast(ref, "@")
	var some []named
	switch {
	case !found:
		some = ofName(stores, ref)
	case strings.HasPrefix(is, "sha256:"):
		digest, err := v1.NewHash(is)
		if err != nil {
			return named{}, fmt.Errorf("%q: %w", ref, err)
		}
		if name == "" {
			return named{}, fmt.Errorf("%q: write the digest of a manifest behind a name, as NAME@%s, and an ID as @ID", ref, printable.Text(is))
		}
		all := slices.DeleteFunc(allImages(stores), func(n named) bool { return n.image.manifestKey(digest) == "" })
		if some = inRepository(all, name); len(some) > 0 {
			// All have the manifest, so one is as good as another.
			some[0].manifest = digest
			return some[0], nil
		}
	case name == "":
		some = ofID(stores, is)
	default:
		some = inRepository(ofID(stores, is), name)
	}
	if len(some) == 0 {
		return named{}, &NotFoundError{Source: s, Stores: roots(stores), Has: allNames(stores)}
	}
	return only(ref, some)
}

// ofName are the images that have a name or ID.
func ofName(stores []*store, name string) []named {
	all := allImages(stores)
	rules := nameRules(withTag(name))
	if some := withName(all, func(stored string) bool { return stored == name }); len(some) > 0 {
		return some
	}
	// Programs differ about which of the two comes first.
	if some := withName(all, func(stored string) bool { return rules[0](stored) || rules[1](stored) }); len(some) > 0 {
		return some
	}
	if some := ofID(stores, strings.TrimPrefix(name, "sha256:")); len(some) > 0 {
		return some
	}
	return withName(all, rules[2])
}

// inRepository are those of some images that have a name in the repository of a name.
func inRepository(all []named, name string) []named {
	for _, matches := range nameRules(repositoryOf(name)) {
		if some := withName(all, func(stored string) bool { return matches(repositoryOf(stored)) }); len(some) > 0 {
			return some
		}
	}
	return nil
}

// manifestKey is the key of the document with a digest, empty if there is none.
func (i *imageRecord) manifestKey(digest v1.Hash) string {
	const plain = "manifest"
	key := plain + "-" + digest.String()
	switch digest.String() {
	case i.DataDigests[key]:
		return key
	case i.DataDigests[plain]:
		return plain
	}
	return ""
}

// nameRules say in their order whether a stored name, or its repository, is what was
// written: as it is or as docker completes it, below localhost, or by its end.
func nameRules(written string) []func(stored string) bool {
	return []func(string) bool{
		func(stored string) bool { return stored == written || stored == normalise(written) },
		func(stored string) bool { return stored == "localhost/"+written },
		func(stored string) bool { return strings.HasSuffix(stored, "/"+written) },
	}
}

// normalise completes a name as docker does (distribution/reference, normalize.go).
func normalise(name string) string {
	domain, rest, found := strings.Cut(name, "/")
	if !found || !strings.ContainsAny(domain, ".:") && domain != "localhost" {
		domain, rest = "docker.io", name
	}
	if domain == "index.docker.io" {
		domain = "docker.io"
	}
	if domain == "docker.io" && !strings.Contains(rest, "/") {
		rest = "library/" + rest
	}
	return domain + "/" + rest
}

// withTag is a name with its tag, or latest.
func withTag(name string) string {
	if repositoryOf(name) == name {
		return name + ":latest"
	}
	return name
}

// repositoryOf is a name without tag and digest.
func repositoryOf(name string) string {
	name, _, _ = strings.Cut(name, "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		return name[:colon]
	}
	return name
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// ofID are the images whose ID begins so; fewer than three digits are no ID.
func ofID(stores []*store, id string) []named {
	if len(id) < 3 || strings.Trim(id, "0123456789abcdef") != "" {
		return nil
	}
	return slices.DeleteFunc(allImages(stores), func(n named) bool { return !strings.HasPrefix(n.image.ID, id) })
}

func allImages(stores []*store) []named {
	var all []named
	for _, s := range stores {
		for i := range s.images {
			all = append(all, named{store: s, image: &s.images[i]})
		}
	}
	return all
}

// withName keeps the images one of whose names matches, of the first store that has any.
func withName(all []named, matches func(string) bool) []named {
	var some []named
	for _, n := range all {
		if (len(some) == 0 || n.store == some[0].store) && slices.ContainsFunc(n.image.Names, matches) {
			some = append(some, n)
		}
	}
	return some
}

// only is the image that was found, if it is one.
func only(ref string, some []named) (named, error) {
	var names []string
	for _, n := range some {
		if !slices.Contains(names, n.image.String()) {
			names = append(names, n.image.String())
		}
	}
	slices.Sort(names)
	if slices.ContainsFunc(some, func(n named) bool { return n.image.ID != some[0].image.ID }) {
		return named{}, fmt.Errorf("%q may be several images: name one of %s", ref, image.ListOrNone(names))
	}
	return some[0], nil
}

// String is the first name of an image, or else its ID.
func (i *imageRecord) String() string { return cmp.Or(cmp.Or(i.Names...), i.ID) }

func roots(stores []*store) []string {
	var roots []string
	for _, s := range stores {
		roots = append(roots, s.root)
	}
	return roots
}

// allNames are those of all images, the first stores' first.
func allNames(stores []*store) []string {
	var names []string
	for _, n := range allImages(stores) {
		names = append(names, n.image.String())
	}
	return names
}

// NotFoundError says that no store that was searched has an image of a name.
type NotFoundError struct {
	Source source.Source
	// Stores are those that were searched, and Has what they have.
	Stores, Has []string
}

// listMax is how many names an error lists.
const listMax = 20

func (e *NotFoundError) Error() string {
	has := image.ListOrNone(e.Has[:min(len(e.Has), listMax)])
	if more := len(e.Has) - listMax; more > 0 {
		has += fmt.Sprintf(" and %d more", more)
	}
	other := source.Source{Transport: e.Source.Transport, Path: "overlay@PATH", Ref: e.Source.Ref}
	if other.Transport == source.DockerOverlay2 {
		other.Path = "PATH"
	}
	return fmt.Sprintf("there is no image %q in %s: there are %s; name another store as %v", e.Source.Ref, printable.List(e.Stores), has, other)
}
