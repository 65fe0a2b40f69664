package recipe

import (
	"context"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
)

// Made is a digest and how it was made.
type Made struct {
	Recipe Recipe
	// Digest is zero if the recipe does not fit the tree.
	Digest fsverity.Digest
	// Corners are over what another writer than the recipe's gives another digest.
	Corners []erofs.Corner
}

// Try makes the digests of a tree by recipes, in their order, and where the tree has
// corners by a recipe those by each other writer as well. What recipes have in common is
// done once, on several processors. An error is that of ctx, which is asked before each
// copy of the tree and each image.
func Try(ctx context.Context, t *canon.Tree, recipes []Recipe) ([]Made, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	made := make([][]Made, len(recipes))
	for i, r := range recipes {
		made[i] = []Made{{Recipe: r}}
	}
	many := policy.NewMany(t)
	for _, copied := range copiesFor(t, recipes) {
		group.Go(func() error { return copied.try(ctx, many, made) })
	}
	err := group.Wait()
	return slices.Concat(made...), err
}

// treeCopy is a copy of the tree, to which the policies of some recipes are applied: they
// differ in the rule for the root at most.
type treeCopy struct {
	policy policy.Policy
	hash   fsverity.Algorithm
	images []*imageOf
}

// imageOf is an image of the copy.
type imageOf struct {
	options erofs.Options
	root    policy.RootRule
	// recipes are the numbers of those that give it.
	recipes []int
}

// copiesFor says which copies and images recipes need of a tree.
func copiesFor(t *canon.Tree, recipes []Recipe) []*treeCopy {
	seconds := true
	for e := range t.Dirents() {
		seconds = seconds && e.Node.Mtime.Nsec == 0
	}
	var list []*treeCopy
	copies, images := map[Recipe]*treeCopy{}, map[Recipe]*imageOf{}
	for i, r := range recipes {
		if seconds || r.Policy.Mtime == policy.MtimeSeconds {
			r = r.inSeconds()
		}
		// An image of version 2 has no nanoseconds.
		same := r
		if r.Version == erofs.V2 {
			same = r.inSeconds()
			same.Policy.Mtime = policy.MtimeSeconds
		}
		if image := images[same]; image != nil {
			image.recipes = append(image.recipes, i)
			continue
		}
		image := &imageOf{r.options(), r.Policy.Root, []int{i}}
		images[same] = image
		key := Recipe{Hash: r.Hash, Policy: r.Policy}
		key.Policy.Root = ""
		if copies[key] == nil {
			copies[key] = &treeCopy{policy: r.Policy, hash: r.Hash}
			list = append(list, copies[key])
		}
		copies[key].images = append(copies[key].images, image)
	}
	return list
}

// inSeconds is a recipe that does the same where all times are whole seconds.
func (r Recipe) inSeconds() Recipe {
	if r.Policy.Boot == policy.BootNanoseconds {
		r.Policy.Boot = policy.BootSeconds
	}
	return r
}

// try makes all images of a copy, and sets what recipes made of them.
func (c *treeCopy) try(ctx context.Context, many *policy.Many, made [][]Made) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var rules []policy.RootRule
	for _, image := range c.images {
		if !slices.Contains(rules, image.root) {
			rules = append(rules, image.root)
		}
	}
	tree, roots, err := many.Apply(c.policy, rules)
	if err != nil {
		return nil
	}
	dirs := make([]*canon.Node, len(roots))
	for i := range roots {
		dirs[i] = roots[i].Dir
	}
	corners := map[erofs.Version][][]erofs.Corner{}
	images := images{tree: tree, hash: c.hash, written: map[erofs.Writer][]writtenImage{}}
	// Those of version 2 have nothing in common with the others.
	slices.SortStableFunc(c.images, func(a, b *imageOf) int { return int(a.options.Version/erofs.V2) - int(b.options.Version/erofs.V2) })
	for _, image := range c.images {
		root, v := slices.Index(rules, image.root), image.options.Version
		if roots[root].Err != nil {
			continue
		}
		if corners[v] == nil {
			corners[v] = erofs.CornersByRoot(tree, v, dirs)
		}
		digest, err := images.digest(ctx, image.options, dirs[root])
		if err != nil {
			return err
		}
		for _, i := range image.recipes {
			made[i][0].Digest, made[i][0].Corners = digest, corners[v][root]
		}
		if len(corners[v][root]) == 0 {
			continue
		}
		for _, w := range erofs.Writers() {
			if w == image.options.Writer {
				continue
			}
			if digest, err = images.digest(ctx, erofs.Options{Version: v, Writer: w}, dirs[root]); err != nil {
				return err
			}
			for _, i := range image.recipes {
				other := made[i][0]
				other.Recipe.Writer, other.Digest = w, digest
				made[i] = append(made[i], other)
			}
		}
	}
	return nil
}

// images are those of a tree with several roots.
type images struct {
	tree *canon.Tree
	hash fsverity.Algorithm
	// written are the last that were written as a whole by a writer.
	written map[erofs.Writer][]writtenImage
}

// writtenMax bounds the memory that written images take. Of the rules for the root, one
// or two change more than an image's head.
const writtenMax = 2

type writtenImage struct {
	layout *erofs.Layout
	blocks *fsverity.Blocks
}

// digest is zero if the tree with that root has no image by the options.
func (m *images) digest(ctx context.Context, o erofs.Options, root *canon.Node) (fsverity.Digest, error) {
	last := m.written[o.Writer]
	for _, w := range last {
		if head := w.layout.Head(o, root); head != nil {
			return w.blocks.Digest(head), nil
		}
	}
	if err := ctx.Err(); err != nil {
		return fsverity.Digest{}, err
	}
	layout, err := erofs.LayOut(m.tree.WithRoot(root), o)
	if err != nil {
		return fsverity.Digest{}, nil
	}
	w := writtenImage{layout, fsverity.NewBlocks(m.hash)}
	if err := layout.Write(w.blocks); err != nil {
		return fsverity.Digest{}, err
	}
	m.written[o.Writer] = append(last[max(0, len(last)-writtenMax+1):], w)
	return w.blocks.Digest(nil), nil
}
