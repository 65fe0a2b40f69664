package tarfile_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
)

// The SHA-256 is that of the archive that GNU tar makes of a directory with these
// files:
//
//	tar --format=posix --pax-option=delete=atime,delete=ctime --sort=name --mtime=@0 \
//		--owner=:0 --group=:0 --numeric-owner --blocking-factor=1 -C DIR -cf - . | sha256sum
func Example() {
	tree := canon.NewTree()
	tree.Root.Perm = 0o755
	tree.Root.Put(canon.Dirent{Name: "motd", Node: &canon.Node{
		Kind: canon.Regular, Perm: 0o644, Size: 3, Content: &canon.Content{Inline: []byte("hi\n")},
	}})
	tree.Root.Put(canon.Dirent{Name: "link", Node: &canon.Node{Kind: canon.Symlink, Perm: 0o777, Target: "motd"}})
	var archive bytes.Buffer
	if err := tarfile.Write(&archive, tree, tarfile.Options{NoGlobalHeader: true}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%x\n", sha256.Sum256(archive.Bytes()))

	r := tarfile.NewReader(&archive)
	for {
		h, _, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%c %o %s\n", h.Typeflag, h.Mode, h.Name)
	}
	// Output:
	// b4d7c0411374e2abd2d5767e7fe2720f7cd02f09a8985974742d86a1b4a02e8b
	// 5 755 ./
	// 2 777 ./link
	// 0 644 ./motd
}
