// Package policy holds the words of a policy and what each does to a tree: which
// metadata is made up, dropped or shortened before trees are compared or written.
// Apply applies them in their order. What a tree is belongs to canon, what makes a
// digest of it to canon/recipe.
package policy
