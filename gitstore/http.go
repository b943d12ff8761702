package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// httpDialer speaks smart HTTP (gitprotocol-http). One keeps its connections.
type httpDialer struct {
	remote *remote
	client *http.Client
	creds  *credentials
	base   string // where the repository answers, after redirects
}

// How long a host may take to begin an answer, and to go on with it.
const (
	httpFirstByte = 60 * time.Second
	httpIdle      = 60 * time.Second
)

func newHTTPDialer(r *remote) *httpDialer {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = httpFirstByte
	t.MaxResponseHeaderBytes = 64 << 10
	d := &httpDialer{remote: r, base: r.addr.url, creds: newCredentials(r)}
	d.client = &http.Client{Transport: t, CheckRedirect: d.checkRedirect}
	return d
}

// checkRedirect follows a few within the same host and scheme: credentials and
// pushes must not end up where the user did not send them.
func (d *httpDialer) checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > 5 || req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		return fmt.Errorf("%w: host sends us to %s", ErrRefused, clean(req.URL.Host))
	}
	return nil
}

func (d *httpDialer) dial(ctx context.Context, service string, v version) (session, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &httpSession{d: d, ctx: ctx, cancel: cancel, service: service, version: v}
	resp, err := s.get()
	if err != nil {
		cancel(nil)
		return nil, err
	}
	s.refs = s.watch(resp.Body)
	return s, nil
}

type httpSession struct {
	d       *httpDialer
	ctx     context.Context
	cancel  context.CancelCauseFunc
	service string
	version version
	refs    io.ReadCloser
}

func (s *httpSession) get() (*http.Response, error) {
	u := s.d.base + "/info/refs?service=" + s.service
	return s.do(func() (*http.Request, error) { return http.NewRequestWithContext(s.ctx, http.MethodGet, u, nil) })
}

// do sends a request, asking for credentials when the host wants some. Only
// requests without a body are sent twice.
func (s *httpSession) do(build func() (*http.Request, error)) (*http.Response, error) {
	for try := 0; ; try++ {
		req, err := build()
		if err != nil {
			return nil, err
		}
		req.Header.Set("User-Agent", "git/2.39.5 ("+agent+")")
		if s.version != version0 {
			req.Header.Set("Git-Protocol", s.version.word())
		}
		s.d.creds.apply(req)
		resp, err := s.d.client.Do(req)
		if err != nil {
			return nil, s.netError(err)
		}
		if resp.StatusCode == http.StatusOK {
			s.d.creds.worked()
			return resp, nil
		}
		words, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
		resp.Body.Close()
		if resp.StatusCode == http.StatusUnauthorized && try == 0 && req.Body == nil && s.d.creds.ask(s.ctx) {
			continue
		}
		if resp.StatusCode == http.StatusUnauthorized {
			s.d.creds.failed()
		}
		return nil, statusError(resp.StatusCode, string(words))
	}
}

func statusError(code int, words string) error {
	err := ErrRefused
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusProxyAuthRequired:
		err = ErrAuth
	case code == http.StatusNotFound || code == http.StatusGone:
		err = ErrNotRepository
	case code == http.StatusRequestEntityTooLarge:
		err = ErrTooBig
	case code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout:
		err = ErrUnreachable
	}
	return fmt.Errorf("%w: HTTP status %d: %s", err, code, clean(words))
}

// netError names the reason without the URL, which may hold credentials.
func (s *httpSession) netError(err error) error {
	if cause := context.Cause(s.ctx); cause != nil {
		return cause
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	if errors.Is(err, ErrRefused) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func (s *httpSession) advert(keep func(string) bool) (*advert, error) {
	defer s.refs.Close()
	return readAdvert(s.refs, s.service, keep)
}

func (s *httpSession) request(body io.Reader, size int64) (io.ReadCloser, error) {
	resp, err := s.do(func() (*http.Request, error) {
		req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.d.base+"/"+s.service, body)
		if err != nil {
			return nil, err
		}
		req.ContentLength = size
		req.Header.Set("Content-Type", "application/x-"+s.service+"-request")
		req.Header.Set("Accept", "application/x-"+s.service+"-result")
		return req, nil
	})
	if errors.Is(err, ErrUnreachable) && s.service == receivePack {
		err = fmt.Errorf("%w; %w", err, ErrUncertain)
	}
	if err != nil {
		return nil, err
	}
	return s.watch(resp.Body), nil
}

func (s *httpSession) Close() error {
	s.cancel(nil)
	return nil
}

// watch ends a session whose host sends nothing for too long, and makes its
// errors ours.
func (s *httpSession) watch(body io.ReadCloser) io.ReadCloser {
	w := &watched{s: s, body: body}
	w.timer = time.AfterFunc(httpIdle, func() {
		s.cancel(fmt.Errorf("%w: host went silent for %s", ErrUnreachable, httpIdle))
	})
	return w
}

type watched struct {
	s     *httpSession
	body  io.ReadCloser
	timer *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	w.timer.Reset(httpIdle)
	if err != nil && err != io.EOF {
		if err == io.ErrUnexpectedEOF {
			return n, brokenOff(err)
		}
		err = w.s.netError(err)
	}
	return n, err
}

func (w *watched) Close() error {
	w.timer.Stop()
	return w.body.Close()
}
