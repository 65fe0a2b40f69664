package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"cfsverify/canon/fsverity"
	"cfsverify/cmd/wholefile"
	"cfsverify/importers"
)

func newMkfs(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "mkfs SOURCE IMAGE",
		Short: "Write the composefs image of a source",
		Long:  helpText("mkfs") + helpText("sources"),
		Example: `  cfsverify mkfs oci:image:latest image.cfs
  cfsverify mkfs --objects store oci:image:latest image.cfs`,
		Args: cobra.ExactArgs(2),
	}
	flags := addRecipeFlags(c)
	objects := c.Flags().String("objects", "", "also write the content of files to the content store `DIR`")
	c.RunE = func(c *cobra.Command, args []string) error {
		source, err := importers.ParseSource(args[0])
		if err != nil {
			return err
		}
		if *objects != "" {
			if err := checkObjects(*objects, source); err != nil {
				return err
			}
		}
		digest, err := flags.mkfs(c.Context(), r, source, args, *objects)
		if err != nil || args[1] == "-" {
			return err
		}
		_, err = fmt.Fprintln(r.Out, digest)
		return err
	}
	return c
}

// mkfs writes the image of a source, whose name is the first argument, to the file
// that is the second, and content to a store if there is one.
func (f *recipeFlags) mkfs(ctx context.Context, r *run, source importers.Source, args []string, objects string) (digest fsverity.Digest, err error) {
	var store *importers.ObjectStore
	if objects != "" {
		if store, err = importers.OpenObjectStore(objects); err != nil {
			return digest, err
		}
		r.ifInterrupted(store.Close)
		defer func() { err = errors.Join(err, store.Close()) }()
	}
	imported, s, err := f.loadOne(ctx, r.Err, source, store)
	if err != nil {
		return digest, err
	}
	if store != nil {
		if err := store.Commit(imported.Tree); err != nil {
			return digest, err
		}
	}
	err = wholefile.Write(args[1], r.Out, func(w io.Writer) (err error) {
		if digest, err = s.Write(w, imported.Tree); err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		return nil
	})
	return digest, err
}

// checkObjects refuses a content store for a source that has no content, and one
// that would be a part of the directory that it is made of.
func checkObjects(store string, source importers.Source) error {
	if source.IsFinal() {
		return fmt.Errorf("%v has no content of files, only their digests: --objects needs a directory or an image", source)
	}
	if source.Transport != importers.Dir {
		return nil
	}
	root, err := filepath.EvalSymlinks(source.Path)
	if err != nil {
		return err
	}
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	at, err := filepath.Abs(store)
	if err != nil {
		return err
	}
	// The store need not be there yet.
	for rest := at; ; rest = filepath.Dir(rest) {
		if resolved, err := filepath.EvalSymlinks(rest); err == nil {
			at = filepath.Join(resolved, strings.TrimPrefix(at, rest))
			break
		}
	}
	if at == root || strings.HasPrefix(at, strings.TrimSuffix(root, "/")+"/") {
		return fmt.Errorf("--objects %q is in %q, of which the image is made: choose a directory outside", store, source.Path)
	}
	return nil
}
