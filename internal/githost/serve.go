package githost

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server is a host that listens.
type Server struct {
	*Host
	addr string
	srv  *http.Server
	done chan error
}

// Start serves the repositories below dir on addr, which must be of this machine
// ("127.0.0.1:0" picks a free port), until ctx ends or Close is called.
func Start(ctx context.Context, addr, dir string) (*Server, error) {
	name, _, err := net.SplitHostPort(addr)
	if err != nil || !loopbackHost(name) {
		return nil, fmt.Errorf("listening on %q: only loopback addresses are served", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("starting host: %w", err)
	}
	s := &Server{Host: New(dir), addr: l.Addr().String(), done: make(chan error, 1)}
	s.srv = &http.Server{Handler: s.Host, ReadHeaderTimeout: 30 * time.Second, MaxHeaderBytes: 64 << 10}
	go func() { s.done <- s.srv.Serve(l) }()
	context.AfterFunc(ctx, func() { s.Close() })
	return s, nil
}

// URL is the address of a repository.
func (s *Server) URL(repo string) string { return "http://" + s.addr + "/" + repo }

// Addr is where the host listens.
func (s *Server) Addr() string { return s.addr }

// Close stops the host at once; requests under way are cut off.
func (s *Server) Close() error { return s.srv.Close() }

// Serve is Start and waiting until ctx ends.
func Serve(ctx context.Context, addr, dir string) error {
	s, err := Start(ctx, addr, dir)
	if err != nil {
		return err
	}
	if err = <-s.done; errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}
