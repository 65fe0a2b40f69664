package erofs_test

import (
	"fmt"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
)

// The digests are those of the images that mkcomposefs makes of
// testdata/vectors/empty-file.dump with --min-version=0 --max-version=0 and 1.
func Example() {
	mtime := canon.Time{Sec: 1_700_000_000}
	tree := canon.NewTree()
	tree.Root.Perm, tree.Root.Mtime = 0o755, mtime
	tree.Root.Put(canon.Dirent{Name: "empty", Node: &canon.Node{Kind: canon.Regular, Perm: 0o644, Mtime: mtime}})
	tree.CountLinks()
	for _, version := range []erofs.Version{erofs.V0, erofs.V1} {
		hasher := fsverity.New(fsverity.SHA256)
		if err := erofs.Write(hasher, tree, erofs.Options{Version: version, Writer: erofs.Mkcomposefs}); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(hasher.Digest())
	}
	// Output:
	// c1dd9a0a4f2390f2f5c76fb6e3820f94a6b1b9d17d99121d9a923726cbbe72fd
	// a0b38c666736192b8bdd830426aa32ff2eb3ef4b8329fc81f3773f4a14a9eb65
}
