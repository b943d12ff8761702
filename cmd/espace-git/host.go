package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/internal/githost"
)

func (a *app) hostVerb() *cobra.Command {
	var listen string
	c := a.verb("host DIR", cobra.ExactArgs(1), func(args []string) error { return a.host(listen, args[0]) })
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8418", flagListen)
	return c
}

// host serves until it is interrupted, which is how it ends well. It asks nobody who they are, so it stays on this machine
// unless the user insists.
func (a *app) host(listen, dir string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return usage(err, hintListen)
	}
	defer l.Close()
	addr := l.Addr().(*net.TCPAddr)
	if !addr.IP.IsLoopback() && !a.yes {
		return usagef(hintOpenHost, openHost, addr)
	}
	if dir, err = filepath.Abs(a.path(dir)); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err = a.print(map[string]string{"url": "http://" + addr.String() + "/", "dir": dir}, hostTold(addr.String(), dir))
	if err != nil {
		return err
	}
	return serve(a.ctx, l, githost.New(dir))
}

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer stop()
	if err := server.Shutdown(ending); errors.Is(err, context.DeadlineExceeded) {
		server.Close()
	}
	return ctx.Err()
}
