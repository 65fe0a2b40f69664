package canon_test

import (
	"fmt"

	"cfsverify/canon"
)

func Example() {
	tree := canon.NewTree()
	tree.Root.Perm = 0o755
	etc := &canon.Node{Kind: canon.Directory, Perm: 0o755}
	motd := &canon.Node{Kind: canon.Regular, Perm: 0o644, Size: 3, Content: &canon.Content{Inline: []byte("hi\n")}}
	tree.Root.Put(canon.Dirent{Name: "etc", Node: etc})
	etc.Put(canon.Dirent{Name: "motd", Node: motd})
	etc.Put(canon.Dirent{Name: "issue", Node: motd}) // a second name of the same inode
	fmt.Println(tree.CountLinks(), "inodes")
	for path, e := range tree.All() {
		fmt.Printf("%v %04o %s\n", e.Node.Kind, e.Node.Perm, path)
	}
	fmt.Println(tree.Validate())

	motd.Size = 2
	fmt.Println(tree.Validate())
	// Output:
	// 3 inodes
	// directory 0755 /
	// directory 0755 /etc
	// file 0644 /etc/issue
	// file 0644 /etc/motd
	// <nil>
	// "/etc/issue": the size is 2, the content has 3 bytes
}
