package space_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/space"
)

const tasks = `
tables:
  tasks:
    columns:
      title: {type: text, required: true}
      done: {type: bool, default: false}
      points: {type: int}
`

// bareHost is a bare repository by path.
func bareHost(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "host.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", "--initial-branch=main", dir).CombinedOutput(); err != nil {
		t.Skipf("git is needed for a host: %v %s", err, out)
	}
	return dir
}

// person has a home and a directory of its own.
type person struct {
	t    *testing.T
	name string
	home string
	s    *space.Space
}

func newPerson(t *testing.T, name string) *person {
	p := &person{t: t, name: name, home: filepath.Join(t.TempDir(), name+"-home")}
	t.Cleanup(func() {
		if p.s != nil {
			p.s.Close()
		}
	})
	return p
}

func (p *person) options() space.Options {
	return space.Options{Home: p.home, NoPassphrase: true, NoAgent: true}
}

func (p *person) create(url string) {
	p.t.Helper()
	s, _, err := space.Create(p.t.Context(), filepath.Join(p.t.TempDir(), p.name), space.CreateOptions{
		Name: "Team", As: p.name, Remote: url, Schema: []byte(tasks),
	}, p.options())
	if err != nil {
		p.t.Fatalf("%s creates: %v", p.name, err)
	}
	p.s = s
}

func (p *person) invite() string {
	p.t.Helper()
	i, err := p.s.Invite(p.t.Context(), space.InviteOptions{For: "someone"})
	if err != nil {
		p.t.Fatalf("%s invites: %v", p.name, err)
	}
	return i.Link
}

func (p *person) join(link string) {
	p.t.Helper()
	s, _, err := space.Join(p.t.Context(), filepath.Join(p.t.TempDir(), p.name), link, space.JoinOptions{As: p.name}, p.options())
	if err != nil {
		p.t.Fatalf("%s joins: %v", p.name, err)
	}
	p.s = s
}

func (p *person) sync() *space.SyncResult {
	p.t.Helper()
	r, err := p.s.Sync(p.t.Context())
	if err != nil {
		p.t.Fatalf("%s syncs: %v", p.name, err)
	}
	return r
}

func (p *person) insert(row space.Row) string {
	p.t.Helper()
	id, err := p.s.Insert(p.t.Context(), "tasks", row)
	if err != nil {
		p.t.Fatalf("%s inserts: %v", p.name, err)
	}
	return id
}

func (p *person) rows() []space.Row {
	p.t.Helper()
	rows, err := p.s.Select(p.t.Context(), space.Query{Table: "tasks"})
	if err != nil {
		p.t.Fatalf("%s selects: %v", p.name, err)
	}
	return rows
}

func (p *person) state() string {
	p.t.Helper()
	st, err := p.s.Status(p.t.Context())
	if err != nil {
		p.t.Fatalf("%s status: %v", p.name, err)
	}
	return st.State
}

func TestTwoPeopleShareATable(t *testing.T) {
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	alice.create(bareHost(t))
	milk := alice.insert(space.Row{"title": "buy milk", "points": 3})
	t.Log(alice.sync())
	bob.join(alice.invite())
	if got := bob.state(); got != space.StateWaiting {
		t.Errorf("bob is %s, want waiting", got)
	}
	t.Log(bob.sync())
	t.Log(alice.sync())
	t.Log(bob.sync())
	if got := bob.state(); got != space.StateActive {
		t.Errorf("bob is %s, want active", got)
	}
	// Both edit offline.
	if err := bob.s.Update(t.Context(), "tasks", milk, space.Row{"done": true}); err != nil {
		t.Fatal(err)
	}
	if err := alice.s.Update(t.Context(), "tasks", milk, space.Row{"title": "buy oat milk"}); err != nil {
		t.Fatal(err)
	}
	bob.insert(space.Row{"title": "call mum"})
	t.Log(alice.sync())
	t.Log(bob.sync())
	t.Log(alice.sync())
	if d := cmp.Diff(alice.rows(), bob.rows()); d != "" {
		t.Errorf("rows differ:\n%s", d)
	}
	if got := alice.rows(); len(got) != 2 || got[0]["title"] != "buy oat milk" || got[0]["done"] != true {
		t.Errorf("alice has %v", got)
	}
	log, err := alice.s.Log(t.Context(), space.LogQuery{Writes: true})
	if err != nil || len(log) != 4 {
		t.Errorf("log %v, err %v", log, err)
	}
	members, err := bob.s.Members(t.Context())
	t.Logf("%+v %v", members, err)
}
