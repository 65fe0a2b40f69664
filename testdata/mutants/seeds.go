package mutants

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Kept reads a file of seeds, each with a word that says what comes of its mutant; - is
// for none.
func Kept(tb testing.TB, file string) map[uint64]string {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	kept := map[uint64]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		var seed uint64
		var word string
		if _, err := fmt.Sscan(line, &seed, &word); err != nil {
			tb.Fatalf("%s: %q: %v", file, line, err)
		}
		kept[seed] = strings.TrimPrefix(word, "-")
	}
	if err := lines.Err(); err != nil || len(kept) == 0 {
		tb.Fatalf("%s: %d seeds, error %v", file, len(kept), err)
	}
	return kept
}

// Each calls what start gives, of which there is one for each of two workers, for the seeds
// that were kept and the first ones, so many of them. Then it goes on with others, which are
// new each time, for as long as the environment's CFSVERIFY_MUTANTS says, such as 10m.
func Each(tb testing.TB, kept map[uint64]string, first uint64, start func() func(seed uint64)) {
	tb.Helper()
	var end time.Time
	next := first
	if text := os.Getenv("CFSVERIFY_MUTANTS"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			tb.Fatal(err)
		}
		end, next = time.Now().Add(d), uint64(time.Now().Unix())<<20
		tb.Logf("the first seed of the mutants that are not always the same is %d", next)
	}
	seeds := make(chan uint64)
	var workers sync.WaitGroup
	for range 2 {
		do := start()
		workers.Go(func() {
			for seed := range seeds {
				do(seed)
			}
		})
	}
	for _, seed := range slices.Sorted(maps.Keys(kept)) {
		seeds <- seed
	}
	for seed := range first {
		seeds <- seed
	}
	for ; time.Now().Before(end); next++ {
		seeds <- next
	}
	close(seeds)
	workers.Wait()
}
