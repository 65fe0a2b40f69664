// Package importers reads sources: root file systems, dump files, composefs images and
// container images. It puts together what its rooms do, the packages below it, and has
// no rules of its own; what is done with what was read is in compare.
//
//	a source from its name      ParseSource
//	any source as a tree        Load
//	an opened image             Open, or With, which closes it; then
//	  its layers as they say    image.Image.Layers
//	  the tree of all layers    layer.Merge, or layer.Apply by one set of rules
//	  the tree of one layer     layer.Alone on those below, layer.Stack.Alone on nothing
//	  how layers are written    lint.Linter, whose inspector looks on while they are read
//	  what an engine unpacks    engine.Engine.Unpack
//	  its seals                 seals.Find
//	  verified bytes            image.NewStream
//	an image that is written    layout.NewWriter, then rewrite.Repair or rewrite.StageSeals, then
//	                            layout.Writer.Commit
//
// Each room says in its first sentences what belongs in it, and imports only rooms on
// floors below its own:
//
//	limits objects document
//	layer blob scan
//	source
//	composefs image
//	archive registry engine lint
//	layout content
//	seals
//	rewrite
package importers
