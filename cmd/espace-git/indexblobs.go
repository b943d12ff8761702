package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/espace-git/espace-git/pathcrypt"
)

// indexBlobs reads what the index has for a path, through one `git cat-file --batch`. That process reads the index once, so
// it is started again when the file has changed: a rebase keeps a filter for many commits.
type indexBlobs struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	file string // the index
	at   time.Time
	size int64
}

// blob is nil if there is none, or if git does not tell: then the file is encrypted anew.
func (x *indexBlobs) blob(a *app, path string) []byte {
	if strings.ContainsAny(path, "\n") {
		b, _ := a.gitOutput("cat-file", "blob", ":0:"+path)
		return b
	}
	if x.ready(a) != nil {
		return nil
	}
	for _, stage := range []string{":0:", ":2:"} { // in a conflict: ours
		b, err := x.ask(stage + path)
		if err != nil {
			x.close()
			return nil
		}
		if b != nil {
			return b
		}
	}
	return nil
}

// ready has a process that has read the index as it is.
func (x *indexBlobs) ready(a *app) error {
	if !x.stale(a) {
		return nil
	}
	x.close()
	return x.start(a)
}

func (x *indexBlobs) stale(a *app) bool {
	if x.file == "" {
		x.file, _ = a.gitText("rev-parse", "--git-path", "index")
		x.file = a.path(x.file)
	}
	info, err := os.Stat(x.file)
	if err != nil {
		return x.cmd == nil
	}
	same := x.cmd != nil && info.ModTime().Equal(x.at) && info.Size() == x.size
	x.at, x.size = info.ModTime(), info.Size()
	return !same
}

func (x *indexBlobs) start(a *app) error {
	cmd := a.gitCommand("cat-file", "--batch")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	x.cmd, x.in, x.out = cmd, in, bufio.NewReaderSize(out, 1<<16)
	return nil
}

// ask reads one object; nil if it is missing or no file.
func (x *indexBlobs) ask(name string) ([]byte, error) {
	if _, err := io.WriteString(x.in, name+"\n"); err != nil {
		return nil, err
	}
	line, err := x.out.ReadString('\n')
	if err != nil || strings.HasSuffix(line, " missing\n") || strings.HasSuffix(line, " ambiguous\n") {
		return nil, err
	}
	var id, kind string
	var size int64
	if _, err := fmt.Sscan(line, &id, &kind, &size); err != nil || size < 0 || size > pathcrypt.MaxFile+1024 {
		return nil, fmt.Errorf("git cat-file: %q", line)
	}
	b := make([]byte, size+1) // and a newline
	_, err = io.ReadFull(x.out, b)
	return b[:size], err
}

func (x *indexBlobs) close() {
	if x.cmd != nil {
		x.in.Close()
		x.cmd.Wait()
		x.cmd = nil
	}
}
