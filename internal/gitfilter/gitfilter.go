// Package gitfilter speaks git's long-running filter protocol, version 2
// (gitattributes(5), "Long Running Filter Process"): git starts the program once, and
// hands it one file after another in pkt-lines.
package gitfilter

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxPacket is the greatest payload of a pkt-line; maxLines bounds a list of them.
const (
	maxPacket = 65516
	maxLines  = 64
)

var (
	// ErrAbort, returned by a filter, stops it for this run of git: no further file
	// would do better.
	ErrAbort = errors.New("the filter cannot go on")
	// ErrProtocol: the other side is not git, or of another version.
	ErrProtocol = errors.New("not git's filter protocol, version 2")

	errTooBig = errors.New("the file is too big")
)

// A Filter turns content of a file in the repository, named by its path in it. An error
// fails this file alone.
type Filter interface {
	Clean(path string, content []byte) ([]byte, error)
	Smudge(path string, content []byte) ([]byte, error)
}

// Serve answers git until it closes in. Files above limit bytes fail. failed is told
// why a file failed, which git does not carry.
func Serve(in io.Reader, out io.Writer, f Filter, limit int64, failed func(path string, err error)) error {
	s := &server{in: bufio.NewReaderSize(in, 1<<16), out: bufio.NewWriterSize(out, 1<<16), f: f, limit: limit, failed: failed}
	if err := s.welcome(); err != nil {
		return err
	}
	for {
		fields, err := s.list()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.file(fields); err != nil {
			return err
		}
	}
}

type server struct {
	in     *bufio.Reader
	out    *bufio.Writer
	f      Filter
	limit  int64
	failed func(string, error)
}

// welcome agrees on the version and on what the filter does.
func (s *server) welcome() error {
	hello, err := s.list()
	if err != nil || len(hello) < 2 || hello[0] != "git-filter-client" || !contains(hello, "version=2") {
		return errors.Join(ErrProtocol, err)
	}
	s.lines("git-filter-server", "version=2")
	if err := s.out.Flush(); err != nil {
		return err
	}
	offers, err := s.list()
	if err != nil {
		return errors.Join(ErrProtocol, err)
	}
	var takes []string
	for _, c := range []string{"capability=clean", "capability=smudge"} {
		if contains(offers, c) {
			takes = append(takes, c)
		}
	}
	s.lines(takes...)
	return s.out.Flush()
}

func contains(lines []string, line string) bool {
	for _, l := range lines {
		if l == line {
			return true
		}
	}
	return false
}

// file answers for one file. An error of the filter is told to git; one that is
// returned ends the conversation.
func (s *server) file(fields []string) error {
	command, path := value(fields, "command"), value(fields, "pathname")
	content, err := s.content()
	if err != nil && !errors.Is(err, errTooBig) {
		return err
	}
	var result []byte
	if err == nil {
		result, err = s.run(command, path, content)
	}
	switch {
	case err == nil:
		s.lines("status=success")
		s.bytes(result)
		s.lines() // the status stands
	case errors.Is(err, ErrAbort):
		s.failed(path, err)
		s.lines("status=abort")
	default:
		s.failed(path, err)
		s.lines("status=error")
	}
	return s.out.Flush()
}

func (s *server) run(command, path string, content []byte) ([]byte, error) {
	switch command {
	case "clean":
		return s.f.Clean(path, content)
	case "smudge":
		return s.f.Smudge(path, content)
	}
	return nil, fmt.Errorf("unknown command %q", command)
}

func value(fields []string, key string) string {
	for _, f := range fields {
		if k, v, _ := strings.Cut(f, "="); k == key {
			return v
		}
	}
	return ""
}

// packet reads one pkt-line; nil is a flush. io.EOF: git has gone, between packets.
func (s *server) packet(buf []byte) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(string(head[:]), 16, 16)
	switch {
	case err != nil, n > 0 && n < 4, n > maxPacket+4:
		return nil, fmt.Errorf("%w: a packet that begins %q", ErrProtocol, head)
	case n == 0:
		return nil, nil
	}
	buf = append(buf[:0], make([]byte, n-4)...)
	if _, err := io.ReadFull(s.in, buf); err != nil {
		return nil, fmt.Errorf("reading a packet: %w", io.ErrUnexpectedEOF)
	}
	return buf, nil
}

// list reads text lines up to a flush.
func (s *server) list() ([]string, error) {
	var lines []string
	for {
		p, err := s.packet(nil)
		if err == io.EOF && len(lines) > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil || p == nil {
			return lines, err
		}
		if len(lines) == maxLines {
			return nil, fmt.Errorf("%w: more than %d lines", ErrProtocol, maxLines)
		}
		lines = append(lines, string(bytes.TrimSuffix(p, []byte("\n"))))
	}
}

// content reads packets up to a flush. What is too big is read to its end, so that the
// next file is understood.
func (s *server) content() ([]byte, error) {
	var content, buf []byte
	var size int64
	for {
		p, err := s.packet(buf)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		if p == nil {
			break
		}
		buf = p
		if size += int64(len(p)); size > s.limit {
			content = nil
			continue
		}
		content = append(content, p...)
	}
	if size > s.limit {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", errTooBig, size, s.limit)
	}
	return content, nil
}

// lines writes text lines and a flush. An error stays in the writer until it flushes.
func (s *server) lines(lines ...string) {
	for _, l := range lines {
		fmt.Fprintf(s.out, "%04x%s\n", len(l)+5, l)
	}
	s.out.WriteString("0000")
}

func (s *server) bytes(b []byte) {
	for len(b) > 0 {
		n := min(len(b), maxPacket)
		fmt.Fprintf(s.out, "%04x", n+4)
		s.out.Write(b[:n])
		b = b[n:]
	}
	s.out.WriteString("0000")
}
