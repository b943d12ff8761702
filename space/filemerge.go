package space

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/threeway"
	"github.com/espace-git/espace-git/view"
)

// What a sync merges by itself, and so fetches, is bounded: any editor can write versions
// beside others'. A person may merge more.
const (
	maxAutoMerge = 8 << 20  // bytes of one version
	maxAutoSum   = 64 << 20 // bytes of all versions of a file, with those that they come from
	maxAutoHeads = 16       // versions of a file
)

// bucketMerging remembers which versions can't be merged: place of the file → names
// of its heads; and how each table stood when it was looked at. So a sync does not
// try again what a person has to look at.
const bucketMerging = "file-merge"

// ErrVersions: versions contradict each other, or are of a kind that no program
// merges. The merged text shows the places.
var ErrVersions = errors.New("the versions contradict each other")

// Merge merges the versions of a file that stand beside each other, and writes the
// result as a version that replaces them. Of contradicting ones, ErrVersions, it
// returns the text with git's conflict markers, or nil for what is no text: edit it
// and Put it with Resolve, or Choose one.
func (f *Files) Merge(ctx context.Context, p string) (marked []byte, err error) {
	var found *conflicted
	err = f.view(ctx, func(fv *fileView) error {
		at, d, err := fv.file(p)
		if err == nil {
			found = fv.conflicted(at, path.Base(p), d)
		}
		return err
	})
	if err != nil || found == nil {
		return nil, err
	}
	return f.merge(ctx, found)
}

// conflicted is a file with several heads.
type conflicted struct {
	at    filePlace
	name  string
	heads []merge.FileVersion
	who   []string
	bases []*merge.FileVersion // of heads[0] with all before, and heads[i+1]; nil: they have none
}

func (f *fileView) conflicted(at filePlace, name string, d *merge.FileDoc) *conflicted {
	c := &conflicted{at: at, name: name, heads: d.Heads()}
	if len(c.heads) < 2 {
		return nil
	}
	if at.table.Number != schema.FilesTable { // it has no other name
		c.name = c.heads[0].Content.Name
	}
	for i, h := range c.heads {
		c.who = append(c.who, deviceName(f.v, f.roster, h.Device))
		if i > 0 {
			c.bases = append(c.bases, commonVersion(d, c.heads[:i], h))
		}
	}
	return c
}

// commonVersion is the greatest version that lies in the past of h and of one of
// those before it.
func commonVersion(d *merge.FileDoc, before []merge.FileVersion, h merge.FileVersion) *merge.FileVersion {
	ours, theirs := map[merge.Dot]bool{}, map[merge.Dot]bool{}
	for _, b := range before {
		past(d, b, ours)
	}
	past(d, h, theirs)
	for _, v := range d.Versions() { // the greatest first
		if ours[v.Dot()] && theirs[v.Dot()] {
			return &v
		}
	}
	return nil
}

// past marks a version and all that it stands on.
func past(d *merge.FileDoc, v merge.FileVersion, in map[merge.Dot]bool) {
	for todo := []merge.FileVersion{v}; len(todo) > 0; {
		v, todo = todo[len(todo)-1], todo[:len(todo)-1]
		if in[v.Dot()] {
			continue
		}
		in[v.Dot()] = true
		for _, p := range v.Parents {
			if above, ok := d.Version(p); ok && above.Less(v.Mark) {
				todo = append(todo, above)
			}
		}
	}
}

// merge merges the heads one after another, and writes the result if all is clean.
func (f *Files) merge(ctx context.Context, c *conflicted) (marked []byte, err error) {
	merged, err := f.s.content(ctx, &c.heads[0])
	if err != nil {
		return nil, err
	}
	state := c.heads[0].Content
	for i, h := range c.heads[1:] {
		theirs, err := f.s.content(ctx, &h)
		if err != nil {
			return nil, err
		}
		var base []byte
		if c.bases[i] != nil {
			if base, err = f.s.content(ctx, c.bases[i]); err != nil {
				return nil, err
			}
		}
		opt := threeway.Options{Ours: c.label(0), Theirs: c.label(i + 1), Base: "before"}
		out, clean, err := threeway.Merge(threeway.KindOf(c.name), base, merged, theirs, opt)
		switch {
		case errors.Is(err, threeway.ErrBinary):
			return nil, fmt.Errorf("%w: %s is no text", ErrVersions, shownPath(c.name))
		case err != nil:
			return nil, join(ErrVersions, err)
		case !clean || c.bases[i] == nil && len(merged) > 0 && !bytes.Equal(merged, theirs):
			return out, fmt.Errorf("%w: %s", ErrVersions, shownPath(c.name))
		}
		merged, state = out, mergeState(c.bases[i], state, h.Content)
	}
	return nil, f.putMerged(ctx, c, merged, state)
}

// content is a version's content, of no more than can be merged.
func (s *Space) content(ctx context.Context, v *merge.FileVersion) ([]byte, error) {
	switch {
	case v.Content.Gone:
		return nil, nil
	case v.Content.Size > threeway.MaxSize:
		return nil, join(ErrVersions, fmt.Errorf("%w: %d bytes, limit %d", threeway.ErrTooBig, v.Content.Size, threeway.MaxSize))
	}
	r, err := s.openVersion(ctx, v)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// mergeState takes what one side changed.
func mergeState(base *merge.FileVersion, a, b merge.FileState) merge.FileState {
	out := a
	if base != nil && a.Executable == base.Content.Executable {
		out.Executable = b.Executable
	}
	if base != nil && a.Name == base.Content.Name {
		out.Name = b.Name
	}
	out.Modified = max(a.Modified, b.Modified)
	return out
}

func (c *conflicted) label(i int) string {
	return fmt.Sprintf("%s, %s", strings.Map(printable, c.who[i]), written(c.heads[i].Mark).Format("2006-01-02 15:04"))
}

func printable(r rune) rune {
	if hiddenRune(r) {
		return '_'
	}
	return r
}

// putMerged writes the version, unless somebody wrote another meanwhile.
func (f *Files) putMerged(ctx context.Context, c *conflicted, merged []byte, state merge.FileState) error {
	stored, _, err := f.s.store(ctx, bytes.NewReader(merged), nil, f.s.storeChunks)
	if err != nil {
		return err
	}
	stored.state.Executable, stored.state.Name, stored.state.Modified, stored.state.Merged = state.Executable, state.Name, state.Modified, true
	return f.write(ctx, func(x *filesTx) error {
		d, err := x.load(c.at)
		if err != nil {
			return err
		}
		if heads := d.Heads(); !slices.EqualFunc(heads, c.heads, sameVersion) {
			return join(ErrConflict, errors.New("another version was written meanwhile"))
		}
		if err := x.tx.needChunks(stored.fresh); err != nil {
			return err
		}
		return x.version(c.at, d.Write(x.index(c.at), stored.state))
	})
}

func sameVersion(a, b merge.FileVersion) bool { return a.Dot() == b.Dot() }

// syncMerged merges files after a sync, and brings what that wrote to the others.
func (s *Space) syncMerged(ctx context.Context, res *SyncResult) error {
	wrote, err := s.mergeFiles(ctx)
	if err != nil || !wrote {
		return classify(err)
	}
	return s.syncLocked(ctx, res)
}

// mergeFiles merges what a program can merge, in files of which this device wrote a
// version: after a sync, so that the first who has both versions does it, and others
// do if that one does not come back. It says whether something is to be pushed.
func (s *Space) mergeFiles(ctx context.Context) (wrote bool, err error) {
	var found []*conflicted
	var looked map[string][]byte
	err = s.db.View(ctx, func(v *view.Tx) error {
		me, err := loadSelf(v)
		if err != nil || !me.mayWrite() {
			return err
		}
		sc, _ := v.Schema()
		if sc == nil {
			return nil
		}
		looked, found, err = s.toMerge(v, sc, me)
		return err
	})
	for _, c := range found {
		_, mergeErr := s.Files().merge(ctx, c)
		switch {
		case mergeErr == nil:
			wrote = true
		case ctx.Err() != nil:
			return wrote, ctx.Err()
		case lacksContent(mergeErr):
			err = errors.Join(err, s.noteMerging(ctx, map[string][]byte{c.key(): c.names()}))
		default:
			looked = nil // the host was not reached, or another version came: the next sync tries again
		}
	}
	if err == nil && len(looked) > 0 {
		err = s.noteMerging(ctx, looked)
	}
	return wrote, err
}

// lacksContent says that trying these versions again would do no good. Their chunks were
// on the host before they were: one that no remote has, or not as its author says, would
// be fetched at every sync, from every remote.
func lacksContent(err error) bool {
	if errors.Is(err, ErrUnreachable) {
		return false
	}
	for _, why := range []error{ErrVersions, ErrContent, ErrNotFound, chunks.ErrWrong, chunks.ErrForged} {
		if errors.Is(err, why) {
			return true
		}
	}
	return false
}

// toMerge are the files with several heads, one of them by this device, that were
// not tried yet. Tables that did not change since they were looked at are passed
// over; looked is what to remember of the others.
func (s *Space) toMerge(v *view.Tx, sc *schema.Schema, me self) (looked map[string][]byte, out []*conflicted, err error) {
	looked = map[string][]byte{}
	var fv *fileView
	for _, t := range slices.Concat(sc.Tables, schema.Builtin()) {
		for _, col := range t.Columns {
			if col.Type != schema.File {
				continue
			}
			version, err := v.Version(t.Name)
			if err != nil {
				return nil, nil, err
			}
			key := fmt.Sprintf("table %d", t.Number)
			before, _, err := v.Get(bucketMerging, []byte(key))
			if err != nil {
				return nil, nil, err
			}
			if bytes.Equal(before, wire.U64(version)) {
				continue
			}
			looked[key] = wire.U64(version)
			if fv == nil {
				if fv, err = s.newFileView(v, sc); err != nil {
					return nil, nil, err
				}
			}
			if out, err = fv.toMergeIn(out, filePlace{table: t, column: col}, me); err != nil {
				return nil, nil, err
			}
		}
	}
	return looked, out, nil
}

func (f *fileView) toMergeIn(out []*conflicted, at filePlace, me self) ([]*conflicted, error) {
	var names map[merge.RowID]string
	for row, err := range f.v.Rows(view.Query{Table: at.table.Name, Columns: []string{at.column.Name}}) {
		if err != nil {
			return nil, err
		}
		values := row.Map()
		shown, _ := values[at.column.Name].(json.RawMessage)
		if !bytes.Contains(shown, []byte(`"others":[{`)) {
			continue
		}
		id, err := parseID(fmt.Sprint(values["id"]))
		if err != nil {
			return nil, err
		}
		at.row = merge.RowID(id)
		d, err := f.load(at)
		if err != nil {
			return nil, err
		}
		if !mergesAlone(d.Heads(), me) {
			continue
		}
		if names == nil {
			names = f.names()
		}
		c := f.conflicted(at, names[at.row], d)
		if ours, err := f.ours(c); err != nil {
			return nil, err
		} else if ours {
			out = append(out, c)
		}
	}
	return out, nil
}

// names are the names of the files in the folders, which say of what kind each is.
func (f *fileView) names() map[merge.RowID]string {
	out := map[merge.RowID]string{}
	for n := range f.tree.All() {
		if c := nodeFrom(&n); !c.dir {
			out[c.row] = n.Name
		}
	}
	return out
}

// mergesAlone says whether these versions are for a sync of this device to merge: it
// wrote one of them, and they are few and small enough.
func mergesAlone(heads []merge.FileVersion, me self) bool {
	own := false
	for _, h := range heads {
		own = own || h.Device == me.Device
		if h.Content.Size > maxAutoMerge {
			return false
		}
	}
	return own && len(heads) <= maxAutoHeads
}

// ours says whether this device is to try: it did not try these versions before, and
// they are no more than a sync fetches.
func (f *fileView) ours(c *conflicted) (bool, error) {
	if c == nil || c.size() > maxAutoSum {
		return false, nil
	}
	tried, _, err := f.v.Get(bucketMerging, []byte(c.key()))
	return !bytes.Equal(tried, c.names()), err
}

// size is how many bytes a merge reads, each version once.
func (c *conflicted) size() (n uint64) {
	seen := map[merge.Dot]bool{}
	add := func(v *merge.FileVersion) {
		if v != nil && !seen[v.Dot()] {
			seen[v.Dot()] = true
			n += min(v.Content.Size, maxAutoSum+1) // no overflow
		}
	}
	for i := range c.heads {
		add(&c.heads[i])
	}
	for _, b := range c.bases {
		add(b)
	}
	return n
}

// noteMerging remembers what was looked at.
func (s *Space) noteMerging(ctx context.Context, what map[string][]byte) error {
	return s.db.Update(ctx, func(v *view.Tx) error {
		for key, value := range what {
			if err := v.Put(bucketMerging, []byte(key), value); err != nil {
				return err
			}
		}
		return nil
	})
}

// key and names say what was tried.
func (c *conflicted) key() string {
	return fmt.Sprintf("%d/%x/%d", c.at.table.Number, c.at.row, c.at.column.Number)
}

func (c *conflicted) names() []byte {
	var names []byte
	for _, h := range c.heads {
		names = fmt.Appendln(names, h.Dot())
	}
	return names
}
