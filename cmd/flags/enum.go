// Package flags are the flags that commands share: how sources are read, what is done to
// trees, and flags that take one of a few words. What a command does with them belongs
// in cmd.
package flags

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Enum is a flag that takes one of a few words.
type Enum[T ~string] struct {
	// Value is one of Allowed.
	Value   T
	Allowed []T
}

func (e *Enum[T]) String() string { return string(e.Value) }
func (e *Enum[T]) Type() string   { return "WORD" }

func (e *Enum[T]) Set(s string) error {
	if !slices.Contains(e.Allowed, T(s)) {
		return fmt.Errorf("use one of %s", e.List(", "))
	}
	e.Value = T(s)
	return nil
}

// List has all words.
func (e *Enum[T]) List(sep string) string {
	var words []string
	for _, a := range e.Allowed {
		words = append(words, string(a))
	}
	return strings.Join(words, sep)
}

// NewEnum adds such a flag, with completion. An empty preset is shown as none.
func NewEnum[T ~string](c *cobra.Command, name string, preset T, allowed []T, usage string) *Enum[T] {
	e := &Enum[T]{Value: preset, Allowed: allowed}
	c.Flags().Var(e, name, fmt.Sprintf("%s: %s", usage, e.List(", ")))
	words := strings.Split(e.List("\n"), "\n")
	// The only error is a flag that has a completion already.
	if err := c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
	return e
}
