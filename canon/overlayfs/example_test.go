package overlayfs_test

import (
	"fmt"

	"cfsverify/canon"
	"cfsverify/canon/overlayfs"
)

func ExampleRules_Merge() {
	upper, lower := canon.NewTree(), canon.NewTree()
	// A device 0:0 is a whiteout.
	upper.Root.Put(canon.Dirent{Name: "deleted", Node: &canon.Node{Kind: canon.CharDevice}})
	upper.Root.Put(canon.Dirent{Name: "new", Node: &canon.Node{Kind: canon.Regular}})
	lower.Root.Put(canon.Dirent{Name: "deleted", Node: &canon.Node{Kind: canon.Regular}})
	lower.Root.Put(canon.Dirent{Name: "kept", Node: &canon.Node{Kind: canon.Regular}})
	view, err := overlayfs.Rules{}.Merge([]*canon.Node{upper.Root, lower.Root})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range view.Root.Children() {
		fmt.Println(e.Name)
	}
	// Output:
	// kept
	// new
}
