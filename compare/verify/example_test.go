package verify_test

import (
	"context"
	"fmt"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/compare/verify"
	"cfsverify/importers"
	"cfsverify/importers/layer"
)

// What inside-vs-outside does, without flags and reports.
func ExampleRun() {
	r := recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA512, Policy: policy.ComposefsRS()}
	// Headers let findings say which tar entry they lie in.
	o := importers.Options{Hash: r.Hash, Rules: layer.RulesOCI, Headers: true}
	var inputs [2]verify.Input
	for i, name := range []string{"inside", "outside"} {
		arg := []string{"../../testdata/example/inside.dump", "../../testdata/example/image"}[i]
		source, err := importers.ParseSource(arg)
		if err != nil {
			panic(err)
		}
		read, err := importers.Load(context.Background(), source, o)
		if err != nil {
			panic(err)
		}
		inputs[i] = verify.Input{Name: name, Source: source.Name(), Tree: read.Tree, Created: read.Created, Layers: read.Layers, Other: read.Other}
	}
	result, err := verify.Run(context.Background(), inputs, r, verify.Options{Rules: o.Rules})
	if err != nil {
		panic(err)
	}
	fmt.Println("equal:", result.Equal(), "proven:", result.Proof.Complete)
	for _, f := range result.Findings {
		for _, e := range f.Entries {
			fmt.Println(f.Cause, e.Path, "because of layer", e.Origin.Layer.Index, "entry", e.Origin.Entry)
		}
	}
	// Output:
	// equal: false proven: true
	// implicit-parent /usr/share because of layer 2 entry 2
}
