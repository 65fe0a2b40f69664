package scan

import (
	"context"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/objects"
)

// content is a regular file that is not empty, whose content is to be read.
type content struct {
	scan  *scan
	entry entry
	fd    int  // opened with O_PATH; -1 if it is still to be opened
	stat  info // zero if nobody looked at the file yet
	node  *canon.Node
}

func send(ctx context.Context, contents chan<- content, c content) (taken bool, err error) {
	select {
	case contents <- c:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// readContents reads files until there are no more.
func readContents(ctx context.Context, contents <-chan content, hash fsverity.Algorithm, store *objects.Store) error {
	h := objects.NewHasher(hash, store)
	buf := make([]byte, 256<<10)
	for c := range contents {
		if c.fd < 0 {
			if err := c.open(); err != nil {
				return err
			}
		}
		if c.fd < 0 {
			continue
		}
		err := c.scan.readContent(ctx, c, h, buf)
		unix.Close(c.fd)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) readContent(ctx context.Context, c content, h *objects.Hasher, buf []byte) error {
	fd, err := openAt(unix.AT_FDCWD, procPath(c.fd), unix.O_RDONLY|unix.O_NOCTTY)
	if err != nil {
		return s.cannotRead(c.entry, "content", err)
	}
	defer unix.Close(fd)
	if s.refused.Load() {
		return nil
	}
	inline := c.stat.size <= canon.InlineMax
	if !inline {
		if err := h.Start(true); err != nil {
			return err
		}
	}
	read, err := s.readData(ctx, c, fd, h, buf, inline)
	if err != nil {
		return err
	}
	if read != c.stat.size {
		return s.changed(c.entry)
	}
	if err := s.checkUnchanged(fd, c.stat, c.entry); err != nil {
		return err
	}
	if inline {
		c.node.Content = &canon.Content{Inline: append([]byte(nil), buf[:read]...)}
		return nil
	}
	digest, err := h.End()
	c.node.Content = canon.External(digest)
	return err
}

// readData reads a file as long as it should be, and up to a buffer more. The
// content of an inline file is then in buf.
func (s *scan) readData(ctx context.Context, c content, fd int, h *objects.Hasher, buf []byte, inline bool) (read uint64, err error) {
	holes := newHoles(fd, c.stat.size)
	for read < c.stat.size {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		hole, data, err := holes.next(read)
		if err != nil {
			return 0, s.cannotRead(c.entry, "content", err)
		}
		if hole > 0 {
			if err := h.Zeros(hole); err != nil {
				return 0, err
			}
			s.progress.add(0, int64(hole))
			read += hole
			continue
		}
		part := buf[:min(uint64(len(buf)), data)]
		if inline {
			part = buf[read:]
		}
		n, err := retry(func() (int, error) { return unix.Pread(fd, part, int64(read)) })
		if err != nil {
			return 0, s.cannotRead(c.entry, "content", err)
		}
		if n == 0 {
			break
		}
		read += uint64(n)
		if !inline {
			if _, err := h.Write(part[:n]); err != nil {
				return 0, err
			}
		}
		s.progress.add(0, int64(n))
	}
	return read, nil
}
