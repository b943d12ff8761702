package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/espace-git/espace-git/space"
)

// Options of a demo.
type Options struct {
	Out    io.Writer // the story; nil tells none
	Colour bool
	Dir    string // where the temporary folder is made; empty: the system's
	Git    string // transport, as in space.Options
}

// Result is what the demo found, for machines.
type Result struct {
	OK      bool    `json:"ok"`
	Seconds float64 `json:"seconds"`
	Scenes  []Scene `json:"scenes"`
	Host    Sight   `json:"host"`
}

// Scene is one part of the story, and whether it went as it must.
type Scene struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// errStory: a scene ended otherwise than it must. Then the demo fails.
var errStory = errors.New("the story went wrong")

// play is one performance.
type play struct {
	ctx    context.Context
	o      Options
	dir    string
	host   *host
	alice  *person
	bob    *person
	row    string // the task that both will edit
	ref    string // the lane that the host rolls back
	tip    string // and the commit that it was at
	result Result
}

// person is somebody with an own device: an own home for keys, an own space directory.
type person struct {
	name, home, dir string
	s               *space.Space
}

// Run plays the demo in a temporary folder, which is removed at the end.
func Run(ctx context.Context, o Options) (_ *Result, err error) {
	if o.Out == nil {
		o.Out = io.Discard
	}
	begun := time.Now()
	dir, err := os.MkdirTemp(o.Dir, "espace-demo-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p := &play{ctx: ctx, o: o, dir: dir}
	defer p.close()
	err = p.perform()
	p.result.Seconds = time.Since(begun).Seconds()
	p.result.OK = err == nil
	if err == nil {
		p.print(theEnd, p.result.Seconds)
	}
	return &p.result, err
}

func (p *play) close() {
	for _, who := range []*person{p.alice, p.bob} {
		if who != nil && who.s != nil {
			who.s.Close()
		}
	}
	if p.host != nil {
		p.host.close()
	}
}

func (p *play) perform() error {
	for i, scene := range []struct {
		name, title string
		play        func() (string, error)
	}{
		{"create", titleCreate, p.create},
		{"invite", titleInvite, p.invite},
		{"join", titleJoin, p.join},
		{"offline", titleOffline, p.offline},
		{"merge", titleMerge, p.merge},
		{"together", titleTogether, p.together},
		{"verify", titleVerify, p.verify},
		{"tamper", titleTamper, p.tamper},
		{"heal", titleHeal, p.heal},
		{"remove", titleRemove, p.remove},
		{"sight", titleSight, p.sight},
	} {
		p.title(i+1, scene.title)
		text, err := scene.play()
		p.result.Scenes = append(p.result.Scenes, Scene{scene.name, err == nil, text})
		if err != nil {
			return fmt.Errorf("%s: %w", scene.name, err)
		}
	}
	return nil
}

func (p *play) options(who *person) space.Options {
	return space.Options{Home: who.home, NoPassphrase: true, NoAgent: true, Git: p.o.Git}
}

func (p *play) person(name string) *person {
	return &person{name: name, home: filepath.Join(p.dir, name, "keys"), dir: filepath.Join(p.dir, name, "picnic")}
}

func (p *play) create() (_ string, err error) {
	if p.host, err = startHost(p.ctx, filepath.Join(p.dir, "host")); err != nil {
		return "", err
	}
	p.say(sayHost, p.host.url)
	p.alice = p.person("alice")
	c := space.CreateOptions{Name: spaceName, As: aliceName, Remote: p.host.url, Schema: []byte(schemaText), DeviceName: aliceDevice}
	s, created, err := space.Create(p.ctx, p.alice.dir, c, p.options(p.alice))
	if err != nil {
		return "", err
	}
	p.alice.s = s
	p.command("espace-git init picnic --name %q --as %q --remote %s", spaceName, aliceName, p.host.url)
	p.say(sayCreated, created.Space[:16])
	for _, title := range []string{taskLanterns, taskCordial} {
		p.command("espace-git insert errands title=%q", title)
		if p.row, err = s.Insert(p.ctx, "errands", space.Row{"title": title}); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("space %s", created.Space), p.sync(p.alice)
}

func (p *play) invite() (string, error) {
	p.command("espace-git invite --for %q", bobName)
	inv, err := p.alice.s.Invite(p.ctx, space.InviteOptions{Role: "editor", Expires: 7 * 24 * time.Hour, Uses: 1, History: "all", For: bobName})
	if err != nil {
		return "", err
	}
	p.say(sayLink, inv.Link[:24], len(inv.Link))
	p.bob = p.person("bob")
	s, joined, err := space.Join(p.ctx, p.bob.dir, inv.Link, space.JoinOptions{As: bobName, DeviceName: bobDevice}, p.options(p.bob))
	if err != nil {
		return "", err
	}
	p.bob.s = s
	p.command("espace-git join picnic --as %q --link -", bobName)
	p.say(sayWaiting, joined.State)
	return "state " + joined.State, nil
}

func (p *play) join() (string, error) {
	if err := p.sync(p.alice); err != nil {
		return "", err
	}
	if err := p.sync(p.bob); err != nil {
		return "", err
	}
	st, err := p.bob.s.Status(p.ctx)
	if err != nil {
		return "", err
	}
	if st.State == "waiting" {
		return "", fmt.Errorf("%w: Bob still waits to be let in", errStory)
	}
	// Bob's own writes leave his device once he knows that a member stands on the ledger with him in it.
	p.say(sayIn)
	return "state " + st.State, p.show(p.bob, 2)
}

func (p *play) offline() (string, error) {
	p.host.stop()
	p.say(sayOffline)
	p.command("espace-git update errands %s title=%q   # Alice", p.row[:8]+"…", newTitle)
	if err := p.alice.s.Update(p.ctx, "errands", p.row, space.Row{"title": newTitle}); err != nil {
		return "", err
	}
	p.command("espace-git update errands %s done=true   # Bob, the same row", p.row[:8]+"…")
	if err := p.bob.s.Update(p.ctx, "errands", p.row, space.Row{"done": true}); err != nil {
		return "", err
	}
	p.command("espace-git insert errands title=%q   # Bob", taskBlanket)
	if _, err := p.bob.s.Insert(p.ctx, "errands", space.Row{"title": taskBlanket}); err != nil {
		return "", err
	}
	_, err := p.bob.s.Sync(p.ctx)
	if err == nil {
		return "", fmt.Errorf("%w: Bob synced with a host that is down", errStory)
	}
	p.say(sayUnreachable, firstLine(err))
	return firstLine(err), p.host.start()
}

func (p *play) merge() (string, error) {
	// Twice: a newcomer's writes leave its device only once it has seen a witness of its join.
	if err := p.syncAll(p.alice, p.bob, p.alice, p.bob, p.alice); err != nil {
		return "", err
	}
	ours, err := p.rows(p.alice)
	if err != nil {
		return "", err
	}
	theirs, err := p.rows(p.bob)
	if err != nil {
		return "", err
	}
	if !reflect.DeepEqual(ours, theirs) || len(ours) != 3 {
		return "", fmt.Errorf("%w: Alice and Bob see different rows", errStory)
	}
	p.say(sayMerged)
	return fmt.Sprintf("%d rows, the same for both", len(ours)), p.show(p.alice, 3)
}

func (p *play) verify() (string, error) {
	p.command("espace-git verify --full")
	for _, who := range []*person{p.alice, p.bob} {
		r, err := who.s.Verify(p.ctx, space.VerifyOptions{Full: true})
		if err != nil {
			return "", err
		}
		if !r.OK {
			return "", fmt.Errorf("%w: %s finds %v", errStory, who.name, r.Problems)
		}
		p.say(sayVerified, who.name, r.Entries, r.Lanes, r.Operations)
	}
	n, err := p.stockGit()
	if err != nil {
		return "", err
	}
	p.say(sayStockGit, n)
	return fmt.Sprintf("stock git verified %d signed commits", n), nil
}

// remove: Bob has to go, and the host is on his side: it serves him everything.
func (p *play) remove() (string, error) {
	p.command("espace-git member remove %q", bobName)
	done, err := p.alice.s.RemoveMember(p.ctx, bobName, space.RemoveOptions{})
	if err != nil {
		return "", err
	}
	if done.Sealed == nil {
		return "", fmt.Errorf("%w: nothing was sealed", errStory)
	}
	p.say(sayRemoved, done.Sealed.Entry, done.Sealed.Epoch)
	p.command("espace-git insert errands title=%q   # Alice", taskSurprise)
	if _, err := p.alice.s.Insert(p.ctx, "errands", space.Row{"title": taskSurprise}); err != nil {
		return "", err
	}
	if err := p.sync(p.alice); err != nil {
		return "", err
	}
	_, err = p.bob.s.Sync(p.ctx)
	if !errors.Is(err, space.ErrNotPermitted) {
		return "", fmt.Errorf("%w: Bob was removed, and his sync says: %v", errStory, err)
	}
	p.say(sayGone, firstLine(err))
	return fmt.Sprintf("epoch %d", done.Sealed.Epoch), p.show(p.bob, 3)
}

func (p *play) sync(who *person) error {
	r, err := who.s.Sync(p.ctx)
	if err != nil {
		return fmt.Errorf("%s syncs: %w", who.name, err)
	}
	p.command("espace-git sync   # %s: fetched %d, pushed %d", who.name, r.Fetched, r.Pushed)
	return nil
}

func (p *play) rows(who *person) ([]space.Row, error) {
	return who.s.Select(p.ctx, space.Query{Table: "errands", Order: []string{"title"}})
}

func (p *play) show(who *person, want int) error {
	rows, err := p.rows(who)
	if err != nil {
		return err
	}
	for _, r := range rows {
		mark := " "
		if r["done"] == true {
			mark = "x"
		}
		p.print("      [%s] %v", mark, r["title"])
	}
	if len(rows) != want {
		return fmt.Errorf("%w: %s sees %d rows, not %d", errStory, who.name, len(rows), want)
	}
	return nil
}
