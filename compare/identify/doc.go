// Package identify finds the recipes that give a tree a certain digest, by trying
// all that can differ. What a recipe is and does belongs to canon/recipe.
package identify
