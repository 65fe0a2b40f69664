// Package identify finds the recipe by which a digest was made of a tree.
package identify
