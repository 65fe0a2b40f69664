package oracle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Image is what engines unpack.
type Image interface {
	WriteLayout(dir, tag string) error
}

// UnpackFunc unpacks an image and returns where, or what the engine says when
// it refuses the image. All is gone when the test ends.
type UnpackFunc func(tb testing.TB, image Image) (root string, refusal error)

// Engine is a real engine: "umoci", or "containers-storage", which is buildah
// with the overlay driver.
func Engine(tb testing.TB, name string) UnpackFunc {
	tb.Helper()
	// Overlay directories do not go below overlay, which /tmp may be.
	dir, err := os.MkdirTemp("/var/tmp", "cfsverify-unpack-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	if name == "umoci" {
		return umoci(Tool(tb, "umoci", "umoci"), dir)
	}
	return buildah(Tool(tb, "buildah", "buildah"), dir)
}

func umoci(program, dir string) UnpackFunc {
	return func(tb testing.TB, image Image) (string, error) {
		layout := writeLayout(tb, dir, image)
		bundle := filepath.Join(dir, "bundle")
		tb.Cleanup(func() { os.RemoveAll(bundle) })
		_, err := runEngine(program, "unpack", "--image", layout+":t", bundle)
		return filepath.Join(bundle, "rootfs"), err
	}
}

func buildah(program, dir string) UnpackFunc {
	run := func(args ...string) (string, error) {
		store := []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "overlay"}
		return runEngine(program, append(store, args...)...)
	}
	return func(tb testing.TB, image Image) (string, error) {
		layout := writeLayout(tb, dir, image)
		if _, err := run("from", "--name", "n", "oci:"+layout+":t"); err != nil {
			return "", err
		}
		tb.Cleanup(func() {
			if _, err := run("rmi", "--force", "--all"); err != nil {
				tb.Error(err)
			}
		})
		root, err := run("mount", "n")
		if err != nil {
			tb.Fatal(err)
		}
		return root, nil
	}
}

// writeLayout makes the layout in dir: buildah makes an image name of its path,
// which must be in lower case.
func writeLayout(tb testing.TB, dir string, image Image) string {
	tb.Helper()
	layout := filepath.Join(dir, "layout")
	tb.Cleanup(func() { os.RemoveAll(layout) })
	if err := image.WriteLayout(layout, "t"); err != nil {
		tb.Fatal(err)
	}
	return layout
}

func runEngine(program string, args ...string) (string, error) {
	command := exec.Command(program, args...)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w: %s", command, err, &stderr)
	}
	return strings.TrimSpace(string(out)), nil
}
