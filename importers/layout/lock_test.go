package layout_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/importers/layout"
	"cfsverify/importers/source"
	"cfsverify/testdata/files"
	"cfsverify/testdata/images"
)

// index lists a manifest that is not there under each of the tags.
func index(tags ...string) []byte {
	var list []string
	for _, tag := range tags {
		list = append(list, fmt.Sprintf(`{"mediaType":"%s","digest":"sha256:%064d","size":1,"annotations":{"org.opencontainers.image.ref.name":%q}}`, types.OCIManifestSchema1, len(tag), tag))
	}
	return []byte(`{"schemaVersion":2,"manifests":[` + strings.Join(list, ",") + `]}`)
}

// TestOtherTools: what a tool that locks nothing writes to index.json after we have read it
// and before we write it, by renaming a file or in place, is not lost.
func TestOtherTools(t *testing.T) {
	inPlace := func(name string, data []byte) error { return os.WriteFile(name, data, 0o600) }
	renamed := func(name string, data []byte) error {
		return errors.Join(os.WriteFile(name+".new", data, 0o600), os.Rename(name+".new", name))
	}
	for name, c := range map[string]struct {
		before []string
		write  func(name string, data []byte) error
		times  int
		want   []string
	}{
		"in place":           {[]string{"a"}, inPlace, 1, []string{"a", "b1", "ours", "artifact"}},
		"renamed":            {[]string{"a"}, renamed, 2, []string{"a", "b2", "ours", "artifact"}},
		"the first one":      {nil, renamed, 1, []string{"a", "b1", "ours", "artifact"}},
		"again and again":    {[]string{"a"}, renamed, 1000, nil},
		"in place, for ever": {[]string{"a"}, inPlace, 1000, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "index.json")
			if c.before != nil {
				files.Write(t, file, index(c.before...))
			}
			w := images.OpenLayout(t, source.Source{Transport: source.OCI, Path: dir, Ref: "ours"})
			artifact, err := w.WriteBytes(types.OCIManifestSchema1, []byte("artifact"))
			if err != nil {
				t.Fatal(err)
			}
			manifest, err := w.WriteBytes(types.OCIManifestSchema1, []byte("manifest"))
			if err != nil {
				t.Fatal(err)
			}
			times := 0
			// It is asked for when index.json was read.
			w.Attach(artifact, func(context.Context) ([]v1.Hash, error) {
				if times < c.times {
					times++
					return nil, c.write(file, index("a", fmt.Sprint("b", times)))
				}
				return nil, nil
			})
			err = w.Commit(t.Context(), manifest)
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			if c.want == nil {
				if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("%q cannot be written: another program changes its index.json at the same time", dir)) {
					t.Errorf("error %v", err)
				}
				if diff := cmp.Diff(string(index("a", fmt.Sprint("b", times))), images.Read(t, dir, "index.json")); diff != "" {
					t.Errorf("theirs is not there: want -, got +\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, line := range images.Listed(t, dir) {
				digest, tag, _ := strings.Cut(line, " ")
				if digest == artifact.Digest.String() {
					tag = "artifact"
				}
				got = append(got, tag)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		})
	}
}

// TestBusy: a layout that another program has locked is waited for, which is told, and no
// longer than is allowed.
func TestBusy(t *testing.T) {
	dir := t.TempDir()
	other, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lock := func(how int) {
		if err := syscall.Flock(int(other.Fd()), how); err != nil {
			t.Fatal(err)
		}
	}
	const long = 600 * time.Millisecond
	waited := 0
	open := func(timeout time.Duration) (*layout.Writer, error) {
		return layout.NewWriter(t.Context(), target(dir), layout.Waiting{Timeout: timeout, Tell: func() { waited++ }})
	}
	isBusy := func(err error) bool {
		var busy *layout.BusyError
		return errors.As(err, &busy) && busy.Path == dir && busy.Timeout == long
	}
	lock(syscall.LOCK_EX)
	if _, err := open(long); !isBusy(err) || waited != 1 {
		t.Errorf("error %v, %d", err, waited)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	lock(syscall.LOCK_UN)
	w, err := open(long)
	if err != nil || waited != 1 {
		t.Fatal(err, waited)
	}
	staged, err := w.WriteBytes(types.OCIManifestSchema1, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	// Others may read, and stage what they write.
	lock(syscall.LOCK_SH)
	if err := w.Commit(t.Context(), staged); !isBusy(err) || waited != 2 {
		t.Errorf("error %v, %d", err, waited)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Commit(ctx, staged); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	patient, err := open(0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		again, err := patient.WriteBytes(types.OCIManifestSchema1, []byte("y"))
		done <- errors.Join(err, patient.Commit(t.Context(), again), patient.Close())
	}()
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
		lock(syscall.LOCK_UN)
	}
	if err := errors.Join(<-done, w.Commit(t.Context(), staged), w.Close()); err != nil {
		t.Fatal(err)
	}
	if tags := images.Listed(t, dir); len(tags) != 2 {
		t.Errorf("listed are %v", tags)
	}
}
