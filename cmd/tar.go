package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/canon/tarfile"
	"cfsverify/cmd/wholefile"
	"cfsverify/importers"
)

func newTar(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "tar SOURCE",
		Short: "Write the canonical tar of a source",
		Long:  helpText("tar") + helpText("sources"),
		Example: `  cfsverify tar -o root.tar dir:/target
  cfsverify tar --layer 2 oci:image:latest | sha256sum`,
		Args: cobra.ExactArgs(1),
	}
	flags := addRecipeFlags(c)
	flags.raw = true
	c.Flags().Lookup("policy").Usage = "what is done to the tree before it is written (raw)"
	t := tarWriter{run: r, flags: flags}
	c.Flags().StringVarP(&t.file, "output", "o", "-", "write to `FILE`, - for standard output")
	c.Flags().IntVar(&flags.layer, "layer", 0, "write layer `N` of an image alone, counted from 1, with whiteouts and with the directories above what is in it")
	c.Flags().BoolVar(&t.plain, "no-global-header", false, "leave out the header that marks the tar as canonical: umoci refuses archives that have one")
	c.Flags().StringVar(&t.objects, "objects", "", "the content store `DIR` of a dump file or composefs image")
	c.RunE = func(c *cobra.Command, args []string) error {
		source, err := importers.ParseSource(args[0])
		if err != nil {
			return err
		}
		switch {
		case flags.layer < 0 || c.Flags().Changed("layer") && flags.layer == 0:
			return errors.New("--layer counts from 1, the lowest layer")
		case flags.layer > 0 && !hasLayers(source):
			return fmt.Errorf("%v has no layers: --layer needs an image", source)
		case t.objects != "" && !source.IsFinal():
			return fmt.Errorf("%v has content of its own: --objects is for dump files and composefs images", source)
		}
		s, err := flags.setting(source.IsFinal())
		if err != nil {
			return err
		}
		if flags.layer > 0 && s.Policy != policy.Raw() {
			return errors.New("--layer writes a layer as it is: leave out the policy")
		}
		return t.write(c.Context(), s, source)
	}
	return c
}

// tarWriter is the flags of tar.
type tarWriter struct {
	run           *run
	flags         *recipeFlags
	file, objects string
	plain         bool
}

func (t *tarWriter) write(ctx context.Context, s setting, source importers.Source) (err error) {
	content, err := t.run.openTarContent(source, t.objects)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.close()) }()
	s.imports.Objects = content.store
	imported, err := s.load(ctx, t.run.Err, source)
	if err != nil {
		return err
	}
	err = wholefile.Write(t.file, t.run.Out, func(w io.Writer) error {
		return tarfile.Write(w, imported.Tree, tarfile.Options{Layer: t.flags.layer > 0, NoGlobalHeader: t.plain, Open: content.open})
	})
	if err != nil {
		return fmt.Errorf("%v: %w", source, err)
	}
	return nil
}

// tarContent is where the content of files comes from.
type tarContent struct {
	open func(path string, n *canon.Node) (io.ReadCloser, error)
	// store gets the content of an image.
	store *importers.ObjectStore
	close func() error
}

func (r *run) openTarContent(source importers.Source, objects string) (*tarContent, error) {
	switch {
	case source.Transport == importers.Dir:
		return contentBelow(source.Path, func(path string, _ *canon.Node) string { return path })
	case objects != "":
		return contentBelow(objects, func(_ string, n *canon.Node) string { return n.Content.Payload() })
	case source.IsFinal():
		return &tarContent{close: func() error { return nil }, open: func(string, *canon.Node) (io.ReadCloser, error) {
			return nil, fmt.Errorf("its content is not in %v: name the content store with --objects", source)
		}}, nil
	}
	dir, err := os.MkdirTemp("", "cfsverify-tar-")
	if err != nil {
		return nil, err
	}
	r.ifInterrupted(func() error { return os.RemoveAll(dir) })
	store, err := importers.OpenObjectStore(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &tarContent{store: store, close: func() error { return os.RemoveAll(dir) }, open: store.OpenContent}, nil
}

// contentBelow opens files below a directory, out of which no symlink leads.
func contentBelow(dir string, name func(path string, n *canon.Node) string) (*tarContent, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &tarContent{close: root.Close, open: func(path string, n *canon.Node) (io.ReadCloser, error) {
		// Whatever became of the file since, opening it must not wait.
		f, err := root.OpenFile(strings.TrimPrefix(name(path, n), "/"), os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil, err
		}
		return f, nil
	}}, nil
}
