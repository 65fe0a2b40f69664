package storage

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/importers/image"
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
func lookUp(stores []*store, ref string) (named, error) {
	repository, digest, found := cutLast(ref, "@")
	switch {
	case !found:
		return lookUpName(stores, ref)
	case strings.HasPrefix(digest, "sha256:"):
		return lookUpDigest(stores, ref, repository, digest)
	case repository == "":
		return only(ref, imagesOfID(stores, digest))
	}
	all := imagesOfID(stores, digest)
	for _, matches := range repositoryRules(repository) {
		if some := withName(all, func(name string) bool { return matches(repositoryOf(name)) }); len(some) > 0 {
			return only(ref, some)
		}
	}
	return named{}, &NotFoundError{Ref: ref, Stores: roots(stores), Has: allNames(stores)}
}

func lookUpName(stores []*store, ref string) (named, error) {
	all := allImages(stores)
	rules := repositoryRules(withTag(ref))
	exact := func(name string) bool { return name == ref }
	for _, matches := range append([]func(string) bool{exact}, rules[:2]...) {
		if some := withName(all, matches); len(some) > 0 {
			return only(ref, some)
		}
	}
	if some := imagesOfID(stores, strings.TrimPrefix(ref, "sha256:")); len(some) > 0 {
		return only(ref, some)
	}
	if some := withName(all, rules[2]); len(some) > 0 {
		return only(ref, some)
	}
	return named{}, &NotFoundError{Ref: ref, Stores: roots(stores), Has: allNames(stores)}
}

// lookUpDigest finds the image with a manifest, or list of manifests, in a repository.
func lookUpDigest(stores []*store, ref, repository, digest string) (named, error) {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return named{}, fmt.Errorf("%q: %w", ref, err)
	}
	if repository == "" {
		return named{}, fmt.Errorf("%q: write the digest of a manifest behind a name, as NAME@%s, and an ID alone", ref, digest)
	}
	all := slices.DeleteFunc(allImages(stores), func(n named) bool { return n.image.manifestKey(hash) == "" })
	for _, matches := range repositoryRules(repositoryOf(repository)) {
		if some := withName(all, func(name string) bool { return matches(repositoryOf(name)) }); len(some) > 0 {
			// All have the manifest, so one is as good as another.
			some[0].manifest = hash
			return some[0], nil
		}
	}
	return named{}, &NotFoundError{Ref: ref, Stores: roots(stores), Has: allNames(stores)}
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

// repositoryRules say in their order whether a stored name, or its repository, is what was
// written: as it is or as docker completes it, below localhost, or by its end.
func repositoryRules(written string) []func(stored string) bool {
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

// imagesOfID are those whose ID begins so; fewer than three digits are no ID.
func imagesOfID(stores []*store, id string) []named {
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

// only is the one image that was found.
func only(ref string, some []named) (named, error) {
	if len(some) == 0 {
		return named{}, errors.New("no image has the ID " + ref)
	}
	var lines []string
	for _, n := range some {
		if n.image.ID != some[0].image.ID {
			lines = append(lines, n.image.String())
		}
	}
	if len(lines) > 0 {
		return named{}, fmt.Errorf("%q may be several images: name one of %s", ref, image.ListOrNone(append([]string{some[0].image.String()}, lines...)))
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
	Ref string
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
	return fmt.Sprintf("there is no image %q in %s: there are %s; name another store as containers-storage:[overlay@PATH]%s", e.Ref, strings.Join(e.Stores, ", "), has, e.Ref)
}
