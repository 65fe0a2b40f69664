package scan

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cfsverify/canon/fsverity"
	"cfsverify/importers/objects"
)

// Options says how Directory reads a directory.
type Options struct {
	// Hash is the algorithm of the digests of file content.
	Hash fsverity.Algorithm
	// Progress, if there is one, is told now and then how many entries were found
	// and how many bytes of content were read, and once more at the end of a scan
	// that reached it. It is called by one goroutine at a time, which waits for it.
	Progress func(entries, bytes int64)
	// Objects, if there is one, gets the content that is hashed.
	Objects *objects.Store
	// Mounts is MountsFail if it is empty.
	Mounts MountPolicy
}

// MountPolicy says what a scan does with other mounts in its directory. Before
// Linux 5.8 a mount of the directory's own file system is not recognised.
type MountPolicy string

const (
	// MountsFail refuses the directory, and lists them.
	MountsFail MountPolicy = "fail"
	// MountsSkip scans what they hide, as if they were unmounted. That needs
	// Linux 5.2 and CAP_SYS_ADMIN.
	MountsSkip MountPolicy = "skip"
	// MountsCross scans them as if they were a part of the directory.
	MountsCross MountPolicy = "cross"
)

// AllMountPolicies lists them.
func AllMountPolicies() []MountPolicy { return []MountPolicy{MountsFail, MountsSkip, MountsCross} }

// UnreadableError says that a directory was scanned as far as permissions went.
type UnreadableError struct {
	// Root is the directory that was scanned.
	Root string
	// Paths are in the order of their bytes. What lies below a directory that
	// could not be listed is not among them.
	Paths []UnreadablePath
}

// UnreadablePath is something that the scan was not permitted to read.
type UnreadablePath struct {
	// Path is relative to the scanned directory and begins with a slash.
	Path string
	// What is the part of it: "metadata", "entries", "content", "xattrs", or
	// `xattr "NAME"`.
	What string
	Err  error
}

func (e *UnreadableError) Error() string {
	items := make([]string, len(e.Paths))
	for i, p := range e.Paths {
		items[i] = fmt.Sprintf("%s of %q: %v", p.What, p.Path, p.Err)
	}
	return fmt.Sprintf("%q cannot be read whole, so it has no digest: scan as root, or for an image of a rootless engine under its unshare command:%s",
		e.Root, listing(items))
}

// MountsError says that other file systems are mounted in a directory.
type MountsError struct {
	// Root is the directory that was scanned.
	Root string
	// Mounts are paths relative to it, which begin with a slash.
	Mounts []string
}

func (e *MountsError) Error() string {
	return fmt.Sprintf("%q has other mounts in it, which are no part of the image:%s", e.Root, e.Listing())
}

// Listing shows the first mounts, each on a line of its own.
func (e *MountsError) Listing() string {
	items := make([]string, len(e.Mounts))
	for i, m := range e.Mounts {
		items[i] = fmt.Sprintf("%q", m)
	}
	return listing(items)
}

// listingMax is the number of lines that an error shows.
const listingMax = 10

func listing(items []string) string {
	more := ""
	if n := len(items) - listingMax; n > 0 {
		more = fmt.Sprintf("\n  and %d more", n)
		items = items[:listingMax]
	}
	return "\n  " + strings.Join(items, "\n  ") + more
}

// PhantomError says that a directory has a name that is not there: a mount of overlayfs
// lists a whiteout in a directory that no other layer has.
type PhantomError struct {
	// Path is the name's, with the directory that was scanned.
	Path string
}

func (e *PhantomError) Error() string {
	return fmt.Sprintf("%q is listed but not there, as overlayfs does with a whiteout in a directory that no other layer has: "+
		"no tool can scan this; build the layer without that whiteout", e.Path)
}

// progressInterval is the least time between two calls of a Progress.
const progressInterval = 100 * time.Millisecond

type progress struct {
	report         func(entries, bytes int64)
	entries, bytes atomic.Int64

	mu   sync.Mutex
	last time.Time
}

func (p *progress) add(entries, bytes int64) {
	p.entries.Add(entries)
	p.bytes.Add(bytes)
	if p.report == nil || !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.last) >= progressInterval {
		p.last = now
		p.report(p.entries.Load(), p.bytes.Load())
	}
}

func (p *progress) end() {
	if p.report != nil {
		p.report(p.entries.Load(), p.bytes.Load())
	}
}
