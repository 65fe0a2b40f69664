package cmd

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"cfsverify/importers/limits"
)

// progressDelay is how long work may take before a terminal hears of it.
const progressDelay = time.Second

// progress shows how much was read, on a terminal only.
type progress struct {
	mu      sync.Mutex
	bar     *progressbar.ProgressBar
	started time.Time
	entries int64
}

func startProgress(stderr *os.File) *progress {
	p := &progress{started: time.Now()}
	if term.IsTerminal(int(stderr.Fd())) {
		p.bar = progressbar.NewOptions64(-1,
			progressbar.OptionSetWriter(stderr),
			progressbar.OptionSetDescription("reading"),
			progressbar.OptionShowBytes(true),
			progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSpinnerType(14),
			progressbar.OptionSetElapsedTime(true),
			progressbar.OptionClearOnFinish(),
		)
	}
	return p
}

func (p *progress) add(step limits.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries += step.Entries
	if p.bar == nil || time.Since(p.started) < progressDelay {
		return
	}
	// The bar counts bytes: of layers, and of the files of a directory.
	p.bar.Describe(fmt.Sprintf("reading, %d entries", p.entries))
	// A bar that cannot be drawn is no reason to stop.
	_ = p.bar.Add64(step.Bytes)
}

func (p *progress) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil && time.Since(p.started) >= progressDelay {
		_ = p.bar.Finish()
	}
}
