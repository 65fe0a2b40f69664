package importers

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

// progressSteps reports progress in steps that are not too small.
type progressSteps struct {
	// report may be nil.
	report func(Progress)
	news   Progress
}

func (p *progressSteps) add(step Progress) {
	p.news.Entries += step.Entries
	p.news.Bytes += step.Bytes
	if p.news.Entries >= progressEntries || p.news.Bytes >= progressBytes {
		p.end()
	}
}

// end reports what is left.
func (p *progressSteps) end() {
	if p.report != nil {
		p.report(p.news)
	}
	p.news = Progress{}
}
