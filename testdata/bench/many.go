package main

import (
	"archive/tar"
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Synthetic trees have directories of so many files.
const perDirectory = 100

func manyDirectory(i int) string { return fmt.Sprintf("directory-%05d", i/perDirectory) }
func manyName(i int) string      { return fmt.Sprintf("some-file-%08d.txt", i) }

// manyNames is how many bytes the names of such a tree have.
func manyNames(files int) int64 {
	return int64(files*len(manyName(0)) + files/perDirectory*len(manyDirectory(0)))
}

// manyPaths is how many bytes they have in an archive.
func manyPaths(files int) int64 {
	return manyNames(files) + int64(files)*int64(len(manyDirectory(0))+1)
}

// millionFiles makes a directory of 1,000,000 small files in all, of which
// every tenth has content of its own that does not fit the inode.
func (in *inputs) millionFiles() (string, error) {
	return in.once("million", func(path string) error {
		for i := range 1_000_000 {
			dir := filepath.Join(path, manyDirectory(i))
			if i%perDirectory == 0 {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					return err
				}
			}
			if err := os.WriteFile(filepath.Join(dir, manyName(i)), manyContent(i), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}

func manyContent(i int) []byte {
	if i%10 == 0 {
		return fmt.Appendf(nil, "%0100d", i)
	}
	return fmt.Append(nil, i)
}

func (in *inputs) manyTar(files int) (string, error) {
	return in.once(fmt.Sprintf("many-%d.tar", files), func(path string) error {
		return write(path, func(out *bufio.Writer) error {
			w := tar.NewWriter(out)
			for i := range files {
				h := tar.Header{Typeflag: tar.TypeDir, Name: manyDirectory(i) + "/", Mode: 0o755, ModTime: time.Unix(1700000000, 0)}
				if i%perDirectory == 0 {
					if err := w.WriteHeader(&h); err != nil {
						return err
					}
				}
				content := manyContent(i)
				h = tar.Header{Typeflag: tar.TypeReg, Name: h.Name + manyName(i), Mode: 0o644, Size: int64(len(content)), ModTime: h.ModTime}
				if err := w.WriteHeader(&h); err != nil {
					return err
				}
				if _, err := w.Write(content); err != nil {
					return err
				}
			}
			return w.Close()
		})
	})
}

// bigTar has a file of 10 GiB, which is a hole of the archive.
func (in *inputs) bigTar() (string, error) {
	return in.once("big.tar", func(path string) error {
		const size = 10 << 30
		err := write(path, func(out *bufio.Writer) error {
			return tar.NewWriter(out).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "big", Mode: 0o644, Size: size})
		})
		if err != nil {
			return err
		}
		header, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, header.Size()+size+1024)
	})
}

// dump writes a dump file of n lines, like that of an operating system: with
// SELinux labels and most files external.
func (in *inputs) dump(n int) (string, error) {
	return in.once(fmt.Sprintf("many-%d.dump", n), func(path string) error {
		return write(path, func(out *bufio.Writer) error {
			fmt.Fprint(out, "/ 0 40755 2 0 0 0 1700000000.0 - - - security.selinux=root_t\\x00\n")
			for i, lines := 0, 1; lines < n; i, lines = i+1, lines+1 {
				if i%perDirectory == 0 {
					fmt.Fprintf(out, "/%s 0 40755 2 0 0 0 1700000000.0 - - - security.selinux=usr_t\\x00\n", manyDirectory(i))
					if lines++; lines == n {
						break
					}
				}
				digest := fmt.Sprintf("%064x", uint64(i+1)*0x9e3779b97f4a7c15)
				fmt.Fprintf(out, "/%s/%s 12345 100644 1 0 0 0 1700000000.0 %s/%s - %s security.selinux=lib_t\\x00\n",
					manyDirectory(i), manyName(i), digest[:2], digest[2:], digest)
			}
			return nil
		})
	})
}

// dumpNames is about how many bytes of names and xattrs such a dump has.
func dumpNames(lines int) int64 {
	return manyNames(lines) + int64(lines)*int64(len("security.selinux")+len("lib_t\x00"))
}
