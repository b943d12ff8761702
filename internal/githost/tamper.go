package githost

import (
	"io"
	"net/http"
)

// Tamper is what the host does wrong. The zero value is an honest host. The
// functions are called from several goroutines.
type Tamper struct {
	// Auth decides who may come in; nil lets in everybody.
	Auth func(user, pass string) bool
	// Fail answers with an HTTP status instead of serving; 0 serves.
	Fail func(r *http.Request) int
	// Route names the repository that serves a request for another: a snapshot
	// of the past (rollback, freeze), another branch of a fork, a stranger's.
	Route func(r *http.Request, repo string) string
	// Body replaces what a client sends.
	Body func(r *http.Request, body io.Reader) io.Reader
	// Answer replaces what a client gets; it is called once an answer. An error
	// from the writer breaks the connection off at that byte.
	Answer func(r *http.Request, w io.Writer) io.Writer
	// Lost breaks the connection off after the host has done its work, before the
	// client hears of it.
	Lost func(r *http.Request) bool
}

// SetTamper changes what the host does from the next request on.
func (h *Host) SetTamper(t Tamper) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tamper = t
}

func (h *Host) current() Tamper {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tamper
}

// recorder counts an answer and lets it be tampered with.
type recorder struct {
	http.ResponseWriter
	tamper Tamper
	req    *http.Request
	body   io.Writer
	lost   bool
	n      int64
	status int
}

func (w *recorder) WriteHeader(code int) {
	w.status = code
	if w.lost = w.tamper.Lost != nil && w.tamper.Lost(w.req); w.lost {
		return
	}
	if w.tamper.Answer != nil {
		w.Header().Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.lost {
		return len(p), nil // the work goes on to its end
	}
	if w.body == nil {
		w.body = w.ResponseWriter
		if w.tamper.Answer != nil {
			w.body = w.tamper.Answer(w.req, w.ResponseWriter)
		}
	}
	n, err := w.body.Write(p)
	w.n += int64(n)
	if err != nil {
		w.breakOff()
	}
	return n, nil
}

func (w *recorder) finish() {
	if w.lost {
		w.breakOff()
	}
}

// breakOff sends what is written so far and cuts the connection.
func (w *recorder) breakOff() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok && !w.lost {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

// CutAfter is an Answer writer that breaks off after n bytes.
func CutAfter(w io.Writer, n int64) io.Writer { return &cutter{w, n} }

type cutter struct {
	w    io.Writer
	left int64
}

func (c *cutter) Write(p []byte) (int, error) {
	if int64(len(p)) <= c.left {
		c.left -= int64(len(p))
		return c.w.Write(p)
	}
	n, _ := c.w.Write(p[:c.left])
	c.left = 0
	return n, io.ErrShortWrite
}

// FlipAt is an Answer writer that inverts the byte at offset.
func FlipAt(w io.Writer, offset int64) io.Writer { return &flipper{w, offset} }

type flipper struct {
	w  io.Writer
	at int64
}

func (f *flipper) Write(p []byte) (int, error) {
	if f.at >= 0 && f.at < int64(len(p)) {
		p = append([]byte(nil), p...)
		p[f.at] ^= 0xff
	}
	f.at -= int64(len(p))
	return f.w.Write(p)
}
