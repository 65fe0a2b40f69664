package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/overlay"
	"cfsverify/importers/scan"
)

// unpackedView reads directories of layers, the topmost first, as the unpacked view.
func unpackedView(ctx context.Context, dirs []string) error {
	var layers []overlay.Layer
	for _, dir := range dirs {
		layers = append(layers, overlay.Layer{Dir: dir})
	}
	return printSum(overlay.Scan(ctx, layers, overlay.Options{Hash: fsverity.SHA256}))
}

// scanMounted mounts the directories with overlayfs, and scans the mount.
func scanMounted(ctx context.Context, dirs []string) (err error) {
	at, err := os.MkdirTemp("", "mounted")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(at)) }()
	if err := unix.Mount("overlay", at, "overlay", unix.MS_RDONLY, "lowerdir="+strings.Join(dirs, ":")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Unmount(at, 0)) }()
	return printSum(scan.Directory(ctx, at, scan.Options{Hash: fsverity.SHA256}))
}

func printSum(tree *canon.Tree, err error) error {
	if err != nil {
		return err
	}
	sum := sha256.New()
	err = dumpfile.Write(sum, tree)
	fmt.Printf("%x\n", sum.Sum(nil))
	return err
}

// layerDirs unpacks the Debian root as layers, and gives their directories, the topmost
// first. The top one hides a part of what is below.
func (in *inputs) layerDirs(layers int) ([]string, error) {
	base, err := in.debianTar()
	if err != nil {
		return nil, err
	}
	root, err := in.once(fmt.Sprintf("layers-%d", layers), func(path string) error {
		parts, err := in.split(base, layers)
		if err != nil {
			return err
		}
		for i, part := range parts {
			dir := filepath.Join(path, fmt.Sprint(i))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			if err := in.command("tar", "-C", dir, "--xattrs", "--xattrs-include=*", "-xpf", part); err != nil {
				return err
			}
		}
		top := filepath.Join(path, fmt.Sprint(len(parts)-1))
		return unix.Mknod(filepath.Join(top, "etc"), unix.S_IFCHR, 0)
	})
	var dirs []string
	for i := layers - 1; i >= 0; i-- {
		dirs = append(dirs, filepath.Join(root, fmt.Sprint(i)))
	}
	return dirs, err
}
