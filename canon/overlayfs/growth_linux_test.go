package overlayfs

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
)

// TestGrowth: layers that all add to the same directories cost by the number of their
// names, not by how often a name and a layer meet.
func TestGrowth(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cost := func(layers int) time.Duration {
		var trees []*canon.Node
		for i := range layers {
			root := &canon.Node{Kind: canon.Directory}
			dir := root
			for _, name := range []string{"usr", "share"} {
				n := &canon.Node{Kind: canon.Directory}
				dir.Put(canon.Dirent{Name: name, Node: n})
				dir = n
			}
			for j := range 100 {
				dir.Put(canon.Dirent{Name: fmt.Sprint(j, "-", i), Node: &canon.Node{Kind: canon.Regular}})
			}
			trees = append(trees, root)
		}
		start := threadTime(t)
		if _, err := (Rules{}).Merge(trees); err != nil {
			t.Fatal(err)
		}
		return threadTime(t) - start
	}
	least := func(layers int) time.Duration {
		return min(cost(layers), cost(layers), cost(layers))
	}
	few, many := least(50), least(500)
	t.Logf("50 layers take %v, 500 take %v", few, many)
	if many > 40*few {
		t.Errorf("50 layers take %v, 500 take %v", few, many)
	}
}

// threadTime is what the thread has used of a CPU, whoever else wants it.
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		t.Fatal(err)
	}
	return time.Duration(at.Nano())
}
