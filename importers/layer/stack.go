package layer

import (
	"fmt"

	"cfsverify/canon"
)

// Stack is an image's layers, which can be applied in several ways.
type Stack struct {
	layers []*Entries
	rules  Rules
}

// NewStack is of layers that were read, which rules apply.
func NewStack(layers []*Entries, rules Rules) *Stack { return &Stack{layers, rules} }

// Len is the number of layers.
func (s *Stack) Len() int { return len(s.layers) }

// Lowest is the tree of the n lowest layers.
func (s *Stack) Lowest(n int) (*canon.Tree, error) { return Apply(s.layers[:n], s.rules) }

// Alone is the tree of layer n, counted from 1, on nothing: whiteouts have no
// effect.
func (s *Stack) Alone(n int) (*canon.Tree, error) {
	if n < 1 || n > len(s.layers) {
		return nil, fmt.Errorf("there is no layer %d: the image has %d", n, len(s.layers))
	}
	return Apply(s.layers[n-1:n], s.rules)
}
