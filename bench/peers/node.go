package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
)

// measureNode runs peers.mjs for one peer and takes its results line by line.
func measureNode(ctx context.Context, peer, dir string, stories []*story, add func(result)) error {
	args := []string{"peers.mjs", peer}
	for _, s := range stories {
		args = append(args, filepath.Join(dir, s.Name+".json"))
	}
	cmd := exec.CommandContext(ctx, "node", args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var stderr errorTail
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("node is needed: %w", err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("peers.mjs printed %q: %w", lines.Text(), err)
		}
		add(r)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, stderr)
	}
	return lines.Err()
}

// errorTail keeps the begin of what a program complains about.
type errorTail []byte

func (t *errorTail) Write(b []byte) (int, error) {
	*t = append(*t, b[:min(len(b), 2000-len(*t))]...)
	return len(b), nil
}
