package verify_test

import (
	"context"
	"fmt"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/compare/verify"
)

func ExampleRun() {
	tree := func(perm uint16) *canon.Tree {
		t := canon.NewTree()
		t.Root.Put(canon.Dirent{Name: "su", Node: &canon.Node{Kind: canon.Regular, Perm: perm, Nlink: 1}})
		return t
	}
	inputs := [2]verify.Input{
		{Name: "inside", Source: "dir:/target", Tree: tree(0o755)},
		{Name: "outside", Source: "oci:image", Tree: tree(0o4755)},
	}
	r := recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA512, Policy: policy.Raw()}
	result, err := verify.Run(context.Background(), inputs, r, verify.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println("equal:", result.Equal())
	for _, f := range result.Findings {
		for _, e := range f.Entries {
			fmt.Println(f.Cause, e.Path, e.Explained[0].Field)
		}
	}
	// Output:
	// equal: false
	// setuid-lost /su mode
}
