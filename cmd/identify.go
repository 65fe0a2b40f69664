package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/compare/identify"
	"cfsverify/importers"
)

func newIdentify(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "identify --digest HEX SOURCE…",
		Short: "Find the recipe by which a digest was made",
		Long: `Find out of which source, and by which recipe, a digest was made that was seen
elsewhere: on a kernel command line, in an annotation, in an error message. Every
EROFS version and every rule of a policy is tried, as far as it can make a
difference to the source.

` + sourcesHelp + `
Exit status: 0 found, 1 not found, 2 trouble.`,
		Example: `  cfsverify identify --digest "$(grep -o 'composefs[^ ]*' /proc/cmdline)" oci:image:latest`,
		Args:    cobra.MinimumNArgs(1),
	}
	imports := addImportFlags(c)
	hex := c.Flags().String("digest", "", "the digest, 64 or 128 hexadecimal digits (`HEX`), or the argument of a kernel command line that has it")
	// The only error is a flag that is not there.
	if err := c.MarkFlagRequired("digest"); err != nil {
		panic(err)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		want, err := parseNamedDigest(*hex)
		if err != nil {
			return fmt.Errorf("--digest: %w", err)
		}
		options, err := imports.options(want.Algorithm())
		if err != nil {
			return err
		}
		sources, err := parseSources(args)
		if err != nil {
			return err
		}
		if err := checkStdin(sources); err != nil {
			return err
		}
		search := identification{want: want}
		for _, source := range sources {
			if err := search.source(c.Context(), r.Err, source, options); err != nil {
				return err
			}
		}
		if len(search.found) == 0 {
			r.status = statusDifferent
		}
		return search.write(r.Out)
	}
	return c
}

func parseSources(args []string) ([]importers.Source, error) {
	sources := make([]importers.Source, len(args))
	for i, arg := range args {
		var err error
		if sources[i], err = importers.ParseSource(arg); err != nil {
			return nil, err
		}
	}
	return sources, nil
}

// parseNamedDigest reads a digest as users have it: composefs=?HEX, sha512:HEX and
// composefs.digest=v1-sha512-12:HEX end in it.
func parseNamedDigest(text string) (fsverity.Digest, error) {
	return fsverity.ParseDigest(strings.ToLower(text[strings.LastIndexAny(text, "=:?")+1:]))
}

// identification is the search for a digest.
type identification struct {
	want  fsverity.Digest
	tried int
	// found and nearest are lines for the user: recipes that give the digest, and
	// what the usual recipes give.
	found, nearest []string
}

// source looks for the digest in a source.
func (id *identification) source(ctx context.Context, stderr *os.File, s importers.Source, o importers.Options) error {
	imported, err := load(ctx, stderr, s, o)
	var other *importers.HashError
	if errors.As(err, &other) {
		id.nearest = append(id.nearest, fmt.Sprintf("%v has %v digests of file content, so it has no %v digest", s, other.Has, other.Want))
		return nil
	}
	if err != nil {
		return err
	}
	if err := id.tryTree(ctx, s, imported.Tree, imported.Created, o.Rules); err != nil {
		return err
	}
	if other := imported.Other; other != nil && other.Tree != nil {
		return id.tryTree(ctx, s, other.Tree, imported.Created, other.Rules)
	}
	return nil
}

func (id *identification) tryTree(ctx context.Context, s importers.Source, tree *canon.Tree, created *canon.Time, rules importers.Rules) error {
	recipes := identify.Recipes(tree, created, id.want.Algorithm())
	// What is in a dump file or an image may be final.
	if s.IsFinal() {
		for _, v := range []erofs.Version{erofs.V1, erofs.V0, erofs.V2} {
			recipes = append(recipes, recipe.Recipe{Version: v, Hash: id.want.Algorithm(), Policy: policy.Raw()})
		}
	}
	found, err := identify.Identify(ctx, tree, recipes, id.want)
	if err != nil {
		return err
	}
	id.tried += len(recipes)
	for _, one := range found {
		id.found = append(id.found, fmt.Sprintf("%v %s", s, recipeArgs(one, id.want.Algorithm(), rules)))
	}
	if len(found) > 0 {
		return nil
	}
	for _, v := range []erofs.Version{erofs.V1, erofs.V2} {
		usual := recipe.Recipe{Version: v, Hash: id.want.Algorithm(), Policy: policy.ComposefsRS()}
		if digest, err := usual.Digest(tree); err == nil {
			id.nearest = append(id.nearest, fmt.Sprintf("%v %s gives %v", s, recipeArgs(usual, id.want.Algorithm(), rules), digest))
		}
	}
	return nil
}

// recipeArgs writes a recipe as flags of the other commands.
func recipeArgs(r recipe.Recipe, alg fsverity.Algorithm, rules importers.Rules) string {
	p := r.Policy
	args := []string{
		fmt.Sprintf("--erofs-version %d", r.Version), "--hash " + alg.String(), "--root " + string(p.Root), "--dir-mtime " + string(p.DirMtime),
		"--run " + string(p.Run), "--xattrs " + string(p.Xattrs), "--mtime " + string(p.Mtime),
	}
	if p.Boot != policy.BootNo {
		args = append(args, "--bootable", "--boot-mtime "+string(p.Boot))
	}
	if p.BreakHardlinks {
		args = append(args, "--hardlinks break")
	}
	if rules != importers.RulesOCI {
		args = append(args, "--layer-rules "+string(rules))
	}
	return strings.Join(args, " ")
}

func (id *identification) write(w io.Writer) error {
	lines := id.found
	head := fmt.Sprintf("FOUND: %d of %d recipes give %v:", len(id.found), id.tried, id.want)
	if len(id.found) == 0 {
		lines = id.nearest
		head = fmt.Sprintf("NOT FOUND: none of %d recipes gives %v:\nthe source is another one, or the digest was made in a way that is not known. By the usual recipes:", id.tried, id.want)
	}
	if len(lines) == 0 {
		lines = []string{"none: the usual recipes need a /usr"}
	}
	_, err := fmt.Fprintf(w, "%s\n  %s\n", head, strings.Join(lines, "\n  "))
	return err
}
