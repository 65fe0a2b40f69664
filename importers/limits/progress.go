package limits

// Progress is how much was read since the last call.
type Progress struct {
	Entries int64
	Bytes   int64
}

// progressEntries and progressBytes are how much is read between two reports.
const (
	progressEntries = 1 << 10
	progressBytes   = 4 << 20
)

// Steps reports progress in steps that are not too small.
type Steps struct {
	// Report may be nil.
	Report func(Progress)
	news   Progress
}

// Add notes what was read.
func (p *Steps) Add(step Progress) {
	p.news.Entries += step.Entries
	p.news.Bytes += step.Bytes
	if p.news.Entries >= progressEntries || p.news.Bytes >= progressBytes {
		p.End()
	}
}

// End reports what is left.
func (p *Steps) End() {
	if p.Report != nil {
		p.Report(p.news)
	}
	p.news = Progress{}
}
