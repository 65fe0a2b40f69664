// Package progress shows on a terminal how far the reading of sources is. What is read
// belongs in importers, which say how far they are; where nobody looks it shows nothing.
package progress

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"cfsverify/importers/limits"
)

// delay is how long work may take before a terminal hears of it.
const delay = time.Second

// Progress shows how much was read, on a terminal only.
type Progress struct {
	mu      sync.Mutex
	bar     *progressbar.ProgressBar
	started time.Time
	entries int64
}

// Start begins to count time.
func Start(stderr *os.File) *Progress {
	p := &Progress{started: time.Now()}
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

// Add counts what was read. It may be called from several goroutines.
func (p *Progress) Add(step limits.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries += step.Entries
	if p.bar == nil || time.Since(p.started) < delay {
		return
	}
	// The bar counts bytes: of layers, and of the files of a directory.
	p.bar.Describe(fmt.Sprintf("reading, %d entries", p.entries))
	// A bar that cannot be drawn is no reason to stop.
	_ = p.bar.Add64(step.Bytes)
}

// Stop takes away what is shown.
func (p *Progress) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil && time.Since(p.started) >= delay {
		_ = p.bar.Finish()
	}
}
