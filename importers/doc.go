// Package importers reads sources: root file systems, dump files, composefs images and
// container images. It puts together what its rooms do, the packages below it, and has
// no rules of its own. What differs, and why, is found in compare.
//
//	a source from its name      ParseSource
//	mistakes before any reading Check
//	any source as a tree        Load
//	an opened image             Open, or With, which closes it; then
//	  its layers as they say    image.Image.Layers
//	  the tree of all layers    layer.Merge, or layer.Apply by one set of rules
//	  the tree of one layer     layer.Alone on those below, layer.Stack.Alone on nothing
//	  how layers are written    lint.Linter, whose inspector looks on while they are read
//	  what an engine unpacks    engine.Engine.Unpack
//	  its seals                 seals.Find
//	  verified bytes            image.NewStream
//	  all of these together     the functions of stages.go
//	the content of files        content.Of; of an SELinux policy, Options.Labels
//	two images, byte by byte    CompareRaw
//	an image that is written    layout.NewWriter, then rewrite.Repair, or rewrite.StageSeals and
//	                            Sealer.Write, then layout.Writer.Commit; WithStaged reads it before
//
// Each room says in its first sentences what belongs in it, and imports only rooms on
// floors below its own:
//
//	outpath staging
//	limits objects document
//	layer blob scan
//	source overlay
//	composefs image
//	labels
//	archive registry storage engine lint
//	layout content
//	seals
//	rewrite
package importers
