// Package releases knows what releases of bootc and composefs-rs do with digests for
// booting: by which recipe they make them, which kernel argument they write, and which
// they read and accept. The table is data. Where seals are found, and what gives the digest
// of a wrong one, is not known here.
package releases

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
)

// Program is one that makes and checks digests.
type Program string

const (
	Bootc       Program = "bootc"
	ComposefsRS Program = "composefs-rs"
)

// Reading says which kernel arguments a program reads for the digest.
type Reading string

const (
	// ReadsNothing: no seal is read.
	ReadsNothing Reading = "nothing"
	// ReadsComposefs: the first composefs=.
	ReadsComposefs Reading = "composefs"
	// ReadsDigestFirst: the first composefs.digest= of the hash, and composefs= where
	// there is none.
	ReadsDigestFirst Reading = "digest-first"
	// ReadsInOrder: all, of which the first counts whose image is in the repository.
	ReadsInOrder Reading = "in-order"
)

// Release is a range of releases that do the same.
type Release struct {
	Program Program
	// First and Last are the range. Last is empty where no later release is known to do
	// otherwise.
	First, Last string
	// Revisions are those of composefs-rs that it is built with.
	Revisions string
	// Directory and Layers are the recipes of the digest for booting of a directory that
	// is scanned and of an image's layers. Hash is 0 if it may be any.
	Directory, Layers recipe.Recipe
	// WritesDigest: the argument that it writes is composefs.digest= for version 1; else
	// it is composefs=.
	WritesDigest bool
	// Reads is for arguments when an image is installed or upgraded to, or booted where
	// the program does not install.
	Reads Reading
	// KnownByComposefs: a booted system knows by composefs= alone that it is a composefs one.
	KnownByComposefs bool
	// Measured: the digests of the program, or of cfsctl of its revision, were compared
	// with the recipes. Else these were read in its source.
	Measured bool
}

// Table lists the releases, the newest first. The sources are the Cargo.lock of each tag of
// bootc, and for the recipes the digests of programs built of the revisions
// (testdata/bootc). What bootc reads and accepts is from running its check
// (crates/lib/src/bootc_composefs of its main after 1.16.9) on images with such command
// lines; what else the arguments do was read in composefs-boot (cmdline.rs) and
// composefs-setup-root. That nanoseconds are kept from 0.9.3 on was read in the crate
// composefs-boot (lib.rs).
func Table() []Release {
	seconds := policy.ComposefsRS()
	seconds.Boot = policy.BootSeconds
	nanoseconds := seconds
	nanoseconds.Boot = policy.BootNanoseconds
	allXattrs := seconds
	allXattrs.Xattrs = policy.XattrAll
	lastLabel, lastLabelAll := seconds, allXattrs
	lastLabel.Links, lastLabelAll.Links = policy.LinksLastLabel, policy.LinksLastLabel
	newest := policy.Policy{
		Root: policy.RootNewest, DirMtime: policy.DirMtimeKeep, Run: policy.RunKeep, Xattrs: policy.XattrAll,
		Mtime: policy.MtimeSeconds, Boot: policy.BootEpoch, Links: policy.LinksLastLabel,
	}
	tarOrNewest := newest
	tarOrNewest.Root = policy.RootTarOrNewest
	by := func(version erofs.Version, hash fsverity.Algorithm, p policy.Policy) recipe.Recipe {
		return recipe.Recipe{Version: version, Hash: hash, Policy: p}
	}
	const sha256, sha512, any = fsverity.SHA256, fsverity.SHA512, fsverity.Algorithm(0)
	return []Release{
		{Bootc, "1.16.4", "", "a29622c, 0a819c3, 0fbc853", by(erofs.V1, sha512, seconds), by(erofs.V1, sha512, seconds), false, ReadsDigestFirst, true, true},
		{Bootc, "1.16.3", "1.16.3", "679a342", by(erofs.V2, sha512, seconds), by(erofs.V2, sha512, allXattrs), false, ReadsDigestFirst, true, true},
		{Bootc, "1.16.0", "1.16.2", "e277075", by(erofs.V2, sha512, seconds), by(erofs.V2, sha512, allXattrs), false, ReadsComposefs, true, true},
		{Bootc, "1.14.0", "1.15.2", "2203e8f", by(erofs.V2, sha512, lastLabel), by(erofs.V2, sha512, lastLabelAll), false, ReadsComposefs, true, true},
		{Bootc, "1.13.0", "1.13.0", "0c61346", by(erofs.V2, sha512, lastLabel), by(erofs.V2, sha512, lastLabelAll), false, ReadsComposefs, true, false},
		{Bootc, "1.12.0", "1.12.1", "1498349, e900848", by(erofs.V2, sha512, newest), by(erofs.V2, sha512, tarOrNewest), false, ReadsComposefs, true, true},
		{Bootc, "1.10.0", "1.11.0", "82e211e, 0f63603", by(erofs.V2, sha512, newest), by(erofs.V2, sha512, tarOrNewest), false, ReadsComposefs, true, false},
		{Bootc, "1.7.0", "1.9.0", "8d1e570, 8402af6, 82e211e", by(erofs.V2, sha256, newest), by(erofs.V2, sha256, tarOrNewest), false, ReadsComposefs, true, false},
		{ComposefsRS, "0.9.3", "", "", by(erofs.V1, any, nanoseconds), by(erofs.V1, any, nanoseconds), true, ReadsInOrder, false, true},
		{ComposefsRS, "0.9.0", "0.9.2", "", by(erofs.V1, any, seconds), by(erofs.V1, any, seconds), true, ReadsInOrder, false, true},
		{ComposefsRS, "0.7.0", "0.7.0", "", by(erofs.V2, any, seconds), by(erofs.V2, any, allXattrs), true, ReadsInOrder, false, false},
	}
}

// String is how reports name the releases.
func (r *Release) String() string {
	switch r.Last {
	case "":
		return fmt.Sprintf("%s %s and later", r.Program, r.First)
	case r.First:
		return fmt.Sprintf("%s %s", r.Program, r.First)
	}
	return fmt.Sprintf("%s %s to %s", r.Program, r.First, r.Last)
}

// Recipe is that of an image's layers, or of a directory or what else is no image.
func (r *Release) Recipe(layers bool) recipe.Recipe {
	if layers {
		return r.Layers
	}
	return r.Directory
}

// With lists the releases that make digests for booting by a recipe, of directories or of
// layers.
func With(r recipe.Recipe) []Release {
	r.Policy.Created, r.Policy.Labelled = nil, false
	return slices.DeleteFunc(Table(), func(row Release) bool {
		return !sameRecipe(row.Layers, r) && !sameRecipe(row.Directory, r)
	})
}

// sameRecipe compares a recipe of the table, which may be of any hash.
func sameRecipe(row, r recipe.Recipe) bool {
	if row.Hash == 0 {
		row.Hash = r.Hash
	}
	return row == r
}

// Makers lists the releases that make a digest for booting of a tree that was read from
// layers, or else from a directory.
func Makers(t *canon.Tree, created *canon.Time, layers bool, digest fsverity.Digest) []Release {
	made := map[recipe.Recipe]bool{}
	var list []Release
	for _, r := range Table() {
		by := r.Recipe(layers)
		if by.Hash != 0 && by.Hash != digest.Algorithm() {
			continue
		}
		by.Hash, by.Policy.Created = digest.Algorithm(), created
		makes, known := made[by]
		if !known {
			// A tree that the recipe does not fit has no such digest.
			d, err := by.Digest(t)
			makes = err == nil && d == digest
			made[by] = makes
		}
		if makes {
			list = append(list, r)
		}
	}
	return list
}

// includes says that a version such as 1.16.5 is in the range.
func (r *Release) includes(version []int) bool {
	first, _ := parseVersion(r.First)
	if compareVersions(version, first) < 0 {
		return false
	}
	last, known := parseVersion(r.Last)
	return !known || compareVersions(version, last) <= 0
}

func parseVersion(text string) (version []int, ok bool) {
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return nil, false
		}
		version = append(version, int(n))
	}
	return version, true
}

// compareVersions compares part by part. A part that is missing is 0.
func compareVersions(a, b []int) int {
	for i := range max(len(a), len(b)) {
		x, y := 0, 0
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return x - y
		}
	}
	return 0
}
