// Command peers measures package merge beside other programs that merge texts,
// all in one run, on the same histories:
//
//	npm ci && go run . [-only NAME,NAME] [-data FOLDER]
//
// What is measured, and how it is kept fair, is in README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// goPeers are those that run in this process, by name; the others run in node.
var goPeers = map[string]newReplica{"espace": newOurs, "automerge-go": automergePeer}

var nodePeers = []string{"diamond-types-node", "loro-crdt", "yjs"}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "espace,automerge-go,"+strings.Join(nodePeers, ","), "peers to measure, in the order of columns")
	data := flags.String("data", "", "folder of the traces (default: ESPACE_TESTDATA, or ../shared/data beside the project)")
	lanes := flags.Int("lanes", 300_000, "events of the story of eight devices")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, strings.Split(*only, ","), *data, *lanes, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "peers: %v\n", err)
		return 1
	}
	return 0
}

func measure(ctx context.Context, peers []string, data string, lanes int, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	stories, err := loadStories(data, lanes)
	if err != nil {
		return err
	}
	for _, s := range stories {
		if err := s.save(filepath.Join(dir, s.Name+".json")); err != nil {
			return err
		}
	}
	table := newTable(peers)
	for _, peer := range peers {
		add := func(r result) {
			fmt.Fprintf(stderr, "%s: %s, %s: %.4g\n", peer, r.Story, r.Measure, r.Value)
			table.add(peer, r)
		}
		if err := measurePeer(ctx, peer, dir, stories, table, add); err != nil {
			return fmt.Errorf("%s: %w", peer, err)
		}
	}
	return table.print(stdout)
}

func measurePeer(ctx context.Context, peer, dir string, stories []*story, table *table, add func(result)) error {
	if fresh := goPeers[peer]; fresh != nil {
		return measureGo(stories, fresh, add)
	}
	if slices.Contains(nodePeers, peer) {
		return measureNode(ctx, peer, dir, stories, add)
	}
	table.missing(peer)
	return nil
}
