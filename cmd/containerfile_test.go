package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/testdata/oracle"
)

// TestContainerfile builds the image with buildah, with this machine's Go in
// place of an image from a registry, and uses it in another build as README
// says.
func TestContainerfile(t *testing.T) {
	if testing.Short() {
		t.Skip("builds images: not with -short")
	}
	oracle.Root(t)
	oracle.Tool(t, "buildah", "buildah")
	busybox := oracle.Tool(t, "busybox", "busybox-static")
	b := newBuild(t)
	b.goImage(busybox)

	source := filepath.Join(b.dir, "source")
	b.command("git", "clone", "-q", "..", source)
	b.command("cp", "../Containerfile", source)
	volumes := []string{"bud"}
	for variable, target := range map[string]string{"GOROOT": "/usr/local/go", "GOMODCACHE": "/go/pkg/mod", "GOCACHE": "/go/cache"} {
		volumes = append(volumes, "--volume", strings.TrimSpace(b.command("go", "env", variable))+":"+target)
	}
	b.buildah(append(volumes, "--build-arg", "GO_IMAGE=localhost/golang", "--tag", "cfsverify", source)...)
	if files := b.files("localhost/cfsverify"); len(files) != 1 || files[0] != "cfsverify" {
		t.Errorf("the image holds %q", files)
	}

	use := filepath.Join(b.dir, "use")
	b.command("mkdir", "-p", filepath.Join(use, "rootfs/usr"))
	b.command("cp", busybox, filepath.Join(use, "rootfs/sh"))
	const containerfile = `FROM scratch AS app
COPY rootfs /
FROM app AS sealed
LABEL sealed=true
FROM scratch
COPY rootfs/sh /bin/sh
RUN --mount=type=bind,from=localhost/cfsverify,target=/run/cfsverify --mount=type=bind,from=sealed,target=/run/app /run/cfsverify/cfsverify digest /run/app >/digest
`
	if err := os.WriteFile(filepath.Join(use, "Containerfile"), []byte(containerfile), 0o600); err != nil {
		t.Fatal(err)
	}
	b.buildah("bud", "--layers", "--tag", "use", use)
	inside, err := os.ReadFile(filepath.Join(b.mount("localhost/use"), "digest"))
	if err != nil {
		t.Fatal(err)
	}
	b.buildah("bud", "--layers", "--target", "sealed", "--tag", "sealed", use)
	if outside := b.cfsverify(t, statusSame, "digest", b.mount("localhost/sealed")); string(inside) != outside || len(outside) != 129 {
		t.Errorf("in the build %q, outside %q", inside, outside)
	}
}

// goImage makes what a Go image is to the Containerfile: a shell and an
// environment. Go itself is bound into the build.
func (b *build) goImage(busybox string) {
	container := strings.TrimSpace(b.buildah("from", "scratch"))
	for _, name := range []string{"/bin/sh", "/bin/mkdir"} {
		b.buildah("copy", "-q", container, busybox, name)
	}
	b.buildah("config", "--env", "PATH=/usr/local/go/bin:/bin", "--env", "GOPATH=/go", "--env", "GOPROXY=off",
		"--env", "GOTOOLCHAIN=local", "--env", "HOME=/tmp", "--env", "GOCACHE=/go/cache", container)
	b.buildah("commit", "-q", container, "localhost/golang")
	b.buildah("rm", container)
}

// files lists the root directory of an image.
func (b *build) files(image string) []string {
	b.t.Helper()
	entries, err := os.ReadDir(b.mount(image))
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
