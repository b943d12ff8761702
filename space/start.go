package space

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/checkpoint"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

// start gives a device that has no state yet the one that the open epoch began with:
// a checkpoint that members endorsed (DESIGN 5). What was before, it needs not.
func (r *round) start(host *display) error {
	if r.started() || r.secret.IsZero() || r.me.Role == "" && !r.recovers() || r.roster().Epoch().Number == 0 {
		return nil
	}
	if err := r.loadLanes(host); err != nil {
		return err
	}
	st := &starting{r: r, opening: r.roster().Epoch()}
	if err := st.readEndorsements(); err != nil {
		return err
	}
	for _, l := range r.lanes { // what was read of them is not read again
		if err := l.save(r.v, r.epoch().O); err != nil {
			return err
		}
	}
	for _, c := range st.offered(host) {
		taken, err := st.take(c)
		var bad *badCheckpoint
		switch {
		case errors.As(err, &bad):
			if err := r.violation(evidence{Kind: "wrong-checkpoint", Text: bad.Error(), Device: c.author.ID.String(), Signed: [][]byte{c.raw}}); err != nil {
				return err
			}
		case err != nil || taken:
			return err
		}
	}
	r.warn("waiting for the state of epoch %d: no checkpoint is on the host that enough members endorsed; the next sync of a member's device brings one", st.opening.Number)
	return nil
}

// starting is the choice of a checkpoint.
type starting struct {
	r        *round
	opening  membership.Opening
	endorsed map[wire.Hash][]wire.DeviceID
}

// readEndorsements looks at the first entry of each lane.
func (st *starting) readEndorsements() error {
	r := st.r
	st.endorsed = map[wire.Hash][]wire.DeviceID{}
	for id, l := range r.lanes {
		if len(l.pending) == 0 || l.log.Len() > 0 {
			continue
		}
		e, err := r.openEntry(l, l.pending[0])
		if err != nil || e.Endorses == nil {
			continue
		}
		st.endorsed[*e.Endorses] = append(st.endorsed[*e.Endorses], id)
	}
	return nil
}

// enough: as many distinct members as the policy asks for, who belonged before the
// epoch ended and may write, and among them the inviter, an owner, or who sealed.
// Who came later, a viewer, and whoever a host made up don't count.
func (st *starting) enough(digest wire.Hash) bool {
	r := st.r
	before, _ := r.roster().At(st.opening.At - 1)
	members, trusted := map[wire.MemberID]bool{}, false
	own, _ := r.roster().Member(r.me.Member)
	inviter, _ := r.roster().Device(own.InvitedBy)
	for _, id := range st.endorsed[digest] {
		d, ok := r.roster().Device(id)
		was, belonged := before.Member(d.Member) // the device may be newer, by a link or recovery words
		if !ok || !belonged || was.Status != membership.StatusActive || was.Role < membership.Editor || r.roster().RoleOf(id) < membership.Editor || !r.roster().MayWriteLane(id) {
			continue
		}
		members[d.Member] = true
		trusted = trusted || id == st.opening.Author || r.roster().RoleOf(id) == membership.Owner ||
			d.Member == inviter.Member || d.Member == r.me.Member ||
			st.opening.Author == r.me.Device // recovered: its own seal says from where, and nobody else may be left who could
	}
	return trusted && len(members) >= r.roster().Policy().Endorsers()
}

// offer is a checkpoint that somebody published.
type offer struct {
	author membership.Device
	raw    []byte // of the commit at the tip
	pages  map[wire.Hash]wire.ObjectID
	box    []byte
}

// offered lists the checkpoints on the host, the sealer's first.
func (st *starting) offered(host *display) (out []offer) {
	r := st.r
	for _, d := range r.roster().Devices() {
		ref := r.s.refs.State(r.epoch(), d.ID)
		tip, ok := host.tip(ref)
		if !ok {
			continue
		}
		o, err := r.readOffer(d, tip)
		if err != nil {
			r.warn("%s: ignored: %v", ref, firstLine(err.Error()))
			continue
		}
		if d.ID == st.opening.Author {
			out = slices.Insert(out, 0, o)
		} else {
			out = append(out, o)
		}
	}
	return out
}

// maxOffers bounds how many commits of one device are looked at for a checkpoint.
const maxOffers = 100

// readOffer finds the newest commit of the device on its ref that has a manifest. The
// tree of the last commit has all pages: those before it only carry them.
func (r *round) readOffer(d membership.Device, tip wire.ObjectID) (o offer, err error) {
	commits, err := r.s.repo.Commits([]wire.ObjectID{tip}, nil, maxCommits)
	if err != nil {
		return o, err
	}
	err = fmt.Errorf("there is no checkpoint on it")
	looked := 0
	for _, c := range slices.Backward(commits) {
		v, bad := r.verified(c, chain.State, func(id wire.DeviceID) (membership.Device, bool) { return d, id == d.ID })
		if bad != nil {
			continue
		}
		if looked++; looked > maxOffers {
			break
		}
		if o, bad = r.offerIn(d, c, v); bad == nil {
			return o, nil
		}
		err = bad
	}
	return o, err
}

// offerIn is the checkpoint in a commit, if its files are the ones that were signed.
func (r *round) offerIn(d membership.Device, c gitstore.CommitRef, v chain.Verified) (o offer, err error) {
	files, err := r.stateFiles(c.Tree)
	if err != nil {
		return o, err
	}
	manifest, ok := files[manifestFile]
	if !ok {
		return o, fmt.Errorf("commit %.10s has no manifest", c.ID)
	}
	o = offer{author: d, raw: c.Raw, pages: map[wire.Hash]wire.ObjectID{}}
	if o.box, err = r.s.repo.Blob(manifest, wire.MaxEntry); err != nil {
		return o, err
	}
	sums := map[string]wire.Hash{manifestFile: wire.Sum(o.box)}
	for name, id := range files {
		if hash, bad := wire.ParseHash(path.Base(name)); bad == nil {
			o.pages[hash], sums[name] = id, hash // what is in it is checked when it is read
		}
	}
	return o, r.stateSigned(c, v, files, sums)
}

// stateSigned compares what a commit adds with what its signature covers by SHA-256:
// a tree is named by SHA-1 only. Somebody may have put a copy below it, so that all of
// it may count as added.
func (r *round) stateSigned(c gitstore.CommitRef, v chain.Verified, files map[string]wire.ObjectID, sums map[string]wire.Hash) error {
	if chain.AddsHashOf(sums) == *v.Adds {
		return nil
	}
	if len(c.Parents) > 0 {
		for name, id := range r.stateBelow(c.Parents[0]) {
			if files[name] == id {
				delete(sums, name)
			}
		}
	}
	if chain.AddsHashOf(sums) != *v.Adds {
		return errors.New("its files are not the ones that were signed")
	}
	return nil
}

// stateBelow lists what a parent's tree holds; nothing if it is no commit of a state.
func (r *round) stateBelow(parent wire.ObjectID) map[string]wire.ObjectID {
	raw, err := r.s.repo.CommitBytes(parent)
	if err != nil {
		return nil
	}
	tree, err := gitstore.CommitTree(raw)
	if err != nil {
		return nil
	}
	files, _ := r.stateFiles(tree)
	return files
}

func (r *round) stateFiles(tree wire.ObjectID) (map[string]wire.ObjectID, error) {
	root, err := r.s.repo.Tree(tree)
	if err != nil {
		return nil, err
	}
	out := map[string]wire.ObjectID{}
	for _, e := range root {
		switch {
		case e.Name == manifestFile && e.Mode == gitstore.ModeFile:
			out[manifestFile] = e.ID
		case e.Name == pagesDir && e.Mode == gitstore.ModeDir:
			pages, err := r.s.repo.Tree(e.ID)
			if err != nil {
				return nil, err
			}
			for _, p := range pages {
				out[path.Join(pagesDir, p.Name)] = p.ID
			}
		}
	}
	return out, nil
}

// badCheckpoint is one that is wrong, by its author's fault.
type badCheckpoint struct {
	author string
	reason string
}

func (b *badCheckpoint) Error() string {
	return fmt.Sprintf("the checkpoint by %s is wrong: %s", b.author, b.reason)
}

// take begins with a checkpoint, if enough members endorsed it and the host has all of
// it.
func (st *starting) take(o offer) (taken bool, err error) {
	r := st.r
	bad := func(err error) (bool, error) {
		return false, &badCheckpoint{r.deviceName(o.author.ID), firstLine(err.Error())}
	}
	u, err := r.manifestOf(o.box)
	if err != nil {
		return bad(err)
	}
	if !st.enough(u.Digest()) {
		if others := st.others(u.Digest()); others != "" && o.author.ID == st.opening.Author {
			return bad(errors.New(others))
		}
		return false, nil
	}
	if u.Bytes() > maxState {
		return bad(fmt.Errorf("%w: a state of %d bytes, limit %d", checkpoint.ErrTooBig, u.Bytes(), uint64(maxState)))
	}
	im := &importing{r: r, opening: st.opening, items: map[uint64]membership.Items{}}
	m, err := im.read(u, o)
	if wrongState(err) {
		if err := im.undo(); err != nil {
			return false, err
		}
		return bad(err)
	}
	if errors.Is(err, seal.ErrWrongBytes) || errors.Is(err, gitstore.ErrNotFound) {
		r.warn("the checkpoint by %s is not whole on the host: %v", r.deviceName(o.author.ID), err)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, im.begin(m, o)
}

// maxState bounds the state of an epoch, as long as its records are.
const maxState = 64 << 30

// wrongState: the fault is its author's, who made what no honest device makes. What the
// own disk or the host did is not.
func wrongState(err error) bool {
	return errors.Is(err, checkpoint.ErrWrong) || errors.Is(err, errDirectory) || errors.Is(err, wire.ErrMalformed) || errors.Is(err, view.ErrSchema)
}

// others says that enough members endorse another state than this one.
func (st *starting) others(digest wire.Hash) string {
	for d := range st.endorsed {
		if d != digest && st.enough(d) {
			return "members endorse another state"
		}
	}
	return ""
}
