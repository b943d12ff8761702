package demo

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Sight is all that the host has: names, sizes and bytes.
type Sight struct {
	Refs    []string `json:"refs"`
	Objects int      `json:"objects"`
	Bytes   int64    `json:"bytes"`
	Sample  string   `json:"sample"` // a hex dump of the beginning of an encrypted entry
	Words   []string `json:"words"`  // what was looked for
	Found   []string `json:"found"`  // and found
}

// object is one git object of the host.
type object struct {
	id, kind string
	data     []byte
}

func (p *play) sight() (string, error) {
	objects, err := p.host.objects()
	if err != nil {
		return "", err
	}
	refs, err := p.host.git("-C", p.host.repo, "for-each-ref", "--format=%(refname)")
	if err != nil {
		return "", err
	}
	see := Sight{Refs: strings.Fields(refs), Objects: len(objects), Words: secrets(), Found: []string{}}
	for _, o := range objects {
		see.Bytes += int64(len(o.data))
	}
	if see.Sample, err = p.sample(); err != nil {
		return "", err
	}
	if see.Found, err = p.hunt(objects, see.Words); err != nil {
		return "", err
	}
	p.result.Host = see
	p.describe(see)
	if len(see.Found) > 0 {
		return "", fmt.Errorf("%w: the host can read %v", errStory, see.Found)
	}
	return fmt.Sprintf("%d refs, %d objects, %d bytes, no word found", len(see.Refs), see.Objects, see.Bytes), nil
}

func (p *play) describe(see Sight) {
	p.say(sayRefs)
	for _, ref := range see.Refs {
		p.print("      %s", ref)
	}
	p.say(sayObjects, see.Objects, see.Bytes)
	for _, line := range strings.Split(strings.TrimSpace(see.Sample), "\n") {
		p.print("      %s", line)
	}
	p.say(sayHunt, strings.Join(see.Words, ", "))
	if len(see.Found) == 0 {
		p.say(sayNothing)
	}
}

// objects reads every object of the host's repository, reachable or not.
func (h *host) objects() ([]object, error) {
	out, err := output(h.ctx, "-C", h.repo, "cat-file", "--batch-all-objects", "--batch", "--buffer")
	if err != nil {
		return nil, err
	}
	return parseBatch(out)
}

// parseBatch reads the form of git cat-file --batch: a line "<id> <type> <size>", the content, a line end.
func parseBatch(b []byte) ([]object, error) {
	var all []object
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		head := strings.Fields(string(line))
		if len(head) != 3 {
			return nil, fmt.Errorf("reading objects: %q is no header", line)
		}
		size, err := strconv.Atoi(head[2])
		if err != nil || size < 0 || size > len(rest) {
			return nil, fmt.Errorf("reading objects: %q has a bad size", line)
		}
		all = append(all, object{head[0], head[1], rest[:size]})
		b = bytes.TrimPrefix(rest[size:], []byte("\n"))
	}
	return all, nil
}

// sample is the beginning of an entry of Alice's lane.
func (p *play) sample() (string, error) {
	list, err := p.host.git("-C", p.host.repo, "ls-tree", "-r", p.tip)
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(list, "\n") {
		if fields := strings.Fields(line); len(fields) == 4 && fields[1] == "blob" {
			data, err := output(p.ctx, "-C", p.host.repo, "cat-file", "blob", fields[2])
			if err != nil {
				return "", err
			}
			return hex.Dump(data[:min(len(data), 64)]), nil
		}
	}
	return "", fmt.Errorf("%w: Alice's lane holds no entry", errStory)
}

// hunt looks for the words in every object, in what base64 hides inside of them, in ref names and in the repository's files
// as they lie on the disk.
func (p *play) hunt(objects []object, words []string) ([]string, error) {
	found := map[string]bool{}
	look := func(b []byte) {
		low := bytes.ToLower(b)
		for _, w := range words {
			if bytes.Contains(low, []byte(strings.ToLower(w))) {
				found[w] = true
			}
		}
	}
	for _, o := range objects {
		look(o.data)
		look(payload(o.data))
	}
	err := filepath.WalkDir(p.host.repo, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rest, _ := filepath.Rel(p.host.repo, name)
		look([]byte(rest))
		b, err := os.ReadFile(name)
		look(b)
		return err
	})
	out := []string{}
	for _, w := range words {
		if found[w] {
			out = append(out, w)
		}
	}
	return out, err
}

// payload is what a ledger entry's envelope carries in base64.
func payload(b []byte) []byte {
	var envelope struct {
		Payload string `json:"payload"`
	}
	if json.Unmarshal(b, &envelope) != nil {
		return nil
	}
	inside, err := base64.StdEncoding.DecodeString(envelope.Payload)
	if err != nil {
		return nil
	}
	return inside
}
