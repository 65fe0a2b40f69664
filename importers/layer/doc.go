// Package layer holds what a layer's archive says, and the rules by which layers
// make a tree: see LAYERS.md. How an archive is stored, linted or unpacked by an
// engine is not its business.
package layer
