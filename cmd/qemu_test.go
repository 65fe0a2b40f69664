package cmd

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/fsverity"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/qemu"
)

// TestKernelVerity: Debian's kernel has for images and objects of mkfs --objects
// the fs-verity digests that they were given here, and what it mounts by them,
// with verity=require, is the tree that they were made of, and nothing else.
func TestKernelVerity(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a virtual machine: not with -short")
	}
	oracle.Root(t)
	for tool, pkg := range map[string]string{"qemu-system-x86_64": "qemu-system-x86", "mkfs.ext4": "e2fsprogs", "setfattr": "attr"} {
		oracle.Tool(t, tool, pkg)
	}
	kernel := qemu.Debian(t)
	g := newGuest(t)
	g.expect("mount ext4 /dev/vda /disk", "ok")
	for _, hash := range []string{"sha256", "sha512"} {
		g.digests(hash)
	}
	canMount := kernel.AtLeast(6, 12)
	if canMount {
		for _, hash := range []string{"sha256", "sha512"} {
			for _, image := range g.images[hash] {
				g.reads(hash, image)
			}
			g.tampers(hash)
		}
		g.flipsUnprotected()
	}
	disk := filepath.Join(t.TempDir(), "disk")
	runTool(t, "truncate", "-s", "128M", disk)
	runTool(t, "mkfs.ext4", "-q", "-b", "4096", "-O", "verity", "-d", g.disk, disk)

	got := qemu.Boot(t, append(qemu.Direct(kernel, qemu.Initramfs(t, kernel, g.commands)), qemu.Disk(disk)...)...)
	if diff := cmp.Diff(g.want, got); diff != "" {
		t.Errorf("wanted (-) of kernel %s, and what it does (+):\n%s", kernel.Release, diff)
	}
	if !canMount {
		what := fmt.Sprintf("NOT DONE: mounts with verity=require. They need Linux 6.12, %s has %s; digests were compared", kernel.Suite, kernel.Release)
		if strings.HasSuffix(kernel.Suite, "-backports") {
			oracle.Missing(t, what)
		}
		t.Log(what)
	}
}

// guest is a disk, what is to be done with it, and what must come of that.
type guest struct {
	t *testing.T
	// root is the tree under test, disk that of the disk.
	root, disk     string
	images         map[string][]diskImage
	commands, want []string
}

// diskImage is a composefs image on the disk.
type diskImage struct{ version, path, digest string }

// newGuest makes the tree under test, and for each hash a store and images of all
// versions.
func newGuest(t *testing.T) *guest {
	g := &guest{t: t, root: makeRoot(t), disk: t.TempDir(), images: map[string][]diskImage{}}
	// What is flipped to show that flipping does something.
	runTool(t, "cp", filepath.Join(g.root, "usr/bin/tool"), filepath.Join(g.disk, "unprotected"))
	goBuild := []string{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "go", "build", "-C", "..", "-o", filepath.Join(g.disk, "cfsverify"), "./cmd/cfsverify"}
	runTool(t, "env", goBuild...)
	for _, hash := range []string{"sha256", "sha512"} {
		for _, version := range []string{"0", "1", "2"} {
			path := "/" + hash + "/" + version + ".cfs"
			runTool(t, "mkdir", "-p", filepath.Join(g.disk, hash))
			out, err := program("mkfs", "--policy=raw", "--hash="+hash, "--erofs-version="+version,
				"--objects="+filepath.Join(g.disk, hash, "store"), g.root, g.disk+path).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			g.images[hash] = append(g.images[hash], diskImage{version, "/disk" + path, strings.TrimSpace(string(out))})
		}
	}
	return g
}

// expect adds a command and its result.
func (g *guest) expect(command, result string) {
	g.commands = append(g.commands, command)
	g.want = append(g.want, command+": "+result)
}

// digests: the kernel measures what was computed here, and lets nobody write.
func (g *guest) digests(hash string) {
	measure := func(path, digest string) {
		g.expect("verity "+hash+" "+path, "ok")
		g.expect("digest "+path, digest)
		g.expect("write "+path, "EPERM")
	}
	for _, image := range g.images[hash] {
		measure(image.path, image.digest)
	}
	store := filepath.Join(g.disk, hash, "store")
	objects := 0
	err := filepath.WalkDir(store, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		objects++
		name := strings.TrimPrefix(path, store)
		measure("/disk/"+hash+"/store"+name, strings.ReplaceAll(name, "/", ""))
		return nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	if objects != 2 {
		g.t.Errorf("the store has %d objects, want 2", objects)
	}
}

// mounted does something while an image is mounted.
func (g *guest) mounted(hash string, image diskImage, options string, do func()) {
	g.expect("mount erofs "+image.path+" /meta", "ok")
	g.expect("mount overlay overlay /merged "+options+"metacopy=on,redirect_dir=on,lowerdir=/meta::/disk/"+hash+"/store", "ok")
	do()
	g.expect("umount /merged", "ok")
	g.expect("umount /meta", "ok")
}

const requireVerity = "verity=require,"

// reads: what is mounted is the tree.
func (g *guest) reads(hash string, image diskImage) {
	g.mounted(hash, image, requireVerity, func() {
		for _, name := range []string{"bin/tool", "deep/again", "deep/link", "inline", "external", "nothing"} {
			g.expect("read /merged/usr/"+name, g.sum(name, nil))
		}
		g.expect("program /disk/cfsverify digest --policy=raw --hash="+hash+" --erofs-version="+image.version+" /merged", image.digest)
	})
}

// tampers: other content is refused, with a digest of its own or without, and if
// a bit of the disk is another one. Only verity=require refuses it.
func (g *guest) tampers(hash string) {
	image := g.images[hash][1]
	object := func(name string) string {
		alg, err := fsverity.ParseAlgorithm(hash)
		if err != nil {
			g.t.Fatal(err)
		}
		return "/disk/" + hash + "/store/" + fsverity.SumBytes(alg, g.content(name)).ObjectPath()
	}
	g.expect("replace "+object("external"), "ok")
	for _, verity := range []bool{false, true} {
		if verity {
			g.expect("verity "+hash+" "+object("external"), "ok")
		}
		g.mounted(hash, image, requireVerity, func() {
			g.expect("read /merged/usr/external", "EIO")
			g.expect("read /merged/usr/bin/tool", g.sum("bin/tool", nil))
		})
		g.mounted(hash, image, "verity=off,", func() {
			g.expect("read /merged/usr/external", g.sum("external", flipFirst))
		})
	}
	g.expect("flip /dev/vda /disk "+object("bin/tool"), "ok")
	g.mounted(hash, image, requireVerity, func() {
		g.expect("read /merged/usr/bin/tool", "EIO")
		g.expect("read /merged/usr/deep/again", "EIO")
		g.expect("read /merged/usr/inline", g.sum("inline", nil))
	})
}

// flipsUnprotected: without fs-verity a bit flipped on the disk is read.
func (g *guest) flipsUnprotected() {
	g.expect("flip /dev/vda /disk /disk/unprotected", "ok")
	g.expect("read /disk/unprotected", g.sum("bin/tool", flipFirst))
}

func (g *guest) content(name string) []byte {
	g.t.Helper()
	content, err := os.ReadFile(filepath.Join(g.root, "usr", name))
	if err != nil {
		g.t.Fatal(err)
	}
	return content
}

// sum is the SHA-256 of a file of the tree, or of what was made of it.
func (g *guest) sum(name string, change func([]byte)) string {
	g.t.Helper()
	content := g.content(name)
	if change != nil {
		change(content)
	}
	return fmt.Sprintf("%x", sha256.Sum256(content))
}

func flipFirst(content []byte) { content[0] ^= 1 }
