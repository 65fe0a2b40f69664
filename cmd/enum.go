package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// enum is a flag that takes one of a few words.
type enum[T ~string] struct {
	value   T
	allowed []T
}

func (e *enum[T]) String() string { return string(e.value) }
func (e *enum[T]) Type() string   { return "WORD" }

func (e *enum[T]) Set(s string) error {
	if !slices.Contains(e.allowed, T(s)) {
		return fmt.Errorf("use one of %s", e.list(", "))
	}
	e.value = T(s)
	return nil
}

func (e *enum[T]) list(sep string) string {
	var words []string
	for _, a := range e.allowed {
		words = append(words, string(a))
	}
	return strings.Join(words, sep)
}

// enumFlag adds such a flag, with completion. An empty preset is shown as none.
func enumFlag[T ~string](c *cobra.Command, name string, preset T, allowed []T, usage string) *enum[T] {
	e := &enum[T]{value: preset, allowed: allowed}
	c.Flags().Var(e, name, fmt.Sprintf("%s: %s", usage, e.list(", ")))
	words := strings.Split(e.list("\n"), "\n")
	// The only error is a flag that has a completion already.
	if err := c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
	return e
}
