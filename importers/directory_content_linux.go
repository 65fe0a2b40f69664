package importers

import (
	"context"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
)

// scanContent is a regular file that is not empty, whose content is to be read.
type scanContent struct {
	entry scanEntry
	fd    int // opened with O_PATH
	stat  scanInfo
	node  *canon.Node
}

func (s *dirScan) sendContent(ctx context.Context, c scanContent) (taken bool, err error) {
	select {
	case s.contents <- c:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// readContents reads files until there are no more.
func (s *dirScan) readContents(ctx context.Context) error {
	h := newContentHasher(s.hash, s.objects)
	buf := make([]byte, 256<<10)
	for c := range s.contents {
		err := s.readContent(ctx, c, h, buf)
		unix.Close(c.fd)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *dirScan) readContent(ctx context.Context, c scanContent, h *contentHasher, buf []byte) error {
	fd, err := scanOpen(unix.AT_FDCWD, scanProcPath(c.fd), unix.O_RDONLY|unix.O_NOCTTY)
	if err != nil {
		return s.cannotRead(c.entry, "content", err)
	}
	defer unix.Close(fd)
	if s.refused.Load() {
		return nil
	}
	inline := c.stat.size <= canon.InlineMax
	if !inline {
		if err := h.start(); err != nil {
			return err
		}
	}
	read := uint64(0)
	for read < c.stat.size {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := buf
		if inline {
			part = buf[read:]
		}
		n, err := scanRetry(func() (int, error) { return unix.Read(fd, part) })
		if err != nil {
			return s.cannotRead(c.entry, "content", err)
		}
		if n == 0 {
			return s.changed(c.entry)
		}
		read += uint64(n)
		if !inline {
			if _, err := h.Write(part[:n]); err != nil {
				return err
			}
		}
		s.progress.add(0, int64(n))
	}
	if read > c.stat.size {
		return s.changed(c.entry)
	}
	if err := s.checkUnchanged(fd, c.stat, c.entry); err != nil {
		return err
	}
	if inline {
		c.node.Content = &canon.Content{Inline: append([]byte(nil), buf[:read]...)}
		return nil
	}
	digest, err := h.end()
	c.node.Content = canon.External(digest)
	return err
}
