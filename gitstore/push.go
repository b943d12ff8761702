package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
)

func (r *remote) Push(ctx context.Context, updates []RefUpdate, opts PushOptions) (*Pushed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.checkUpdates(updates); err != nil {
		return nil, r.wrap("pushing to", err)
	}
	if len(updates) == 0 {
		return &Pushed{Results: map[string]error{}}, nil
	}
	p, err := r.link.send(ctx, updates, opts)
	if r.switchOn(err) {
		p, err = r.link.send(ctx, updates, opts)
	}
	if err != nil {
		return nil, r.wrap("pushing to", err)
	}
	for _, u := range updates {
		if p.Results[u.Name] == nil && !u.New.IsZero() {
			r.last[u.Name] = u.New
		}
	}
	return p, nil
}

func (r *remote) checkUpdates(updates []RefUpdate) error {
	names := map[string]bool{}
	for _, u := range updates {
		if err := checkRefName(u.Name); err != nil {
			return err
		}
		if names[u.Name] {
			return fmt.Errorf("%w: %q named twice", ErrBadRefName, u.Name)
		}
		if u.Old.IsZero() && u.New.IsZero() {
			return fmt.Errorf("%s: neither old nor new value", u.Name)
		}
		if !u.New.IsZero() && !r.repo.Has(u.New) {
			return fmt.Errorf("%s: %s: %w", u.Name, u.New, ErrNotFound)
		}
		names[u.Name] = true
	}
	return nil
}

// compare sorts updates by what the host shows, before anything is sent: what
// stands at New is done, what is not at Old is a conflict, the rest is to send.
func compare(updates []RefUpdate, shown map[string]wire.ObjectID, atomic bool) (send []RefUpdate, out *Pushed) {
	out = &Pushed{Results: map[string]error{}, Atomic: atomic}
	conflict := false
	for _, u := range updates {
		switch now := shown[u.Name]; {
		case now == u.New:
			out.Results[u.Name] = nil
		case now != u.Old:
			out.Results[u.Name] = moved(now, u.Old)
			conflict = true
		default:
			send = append(send, u)
		}
	}
	if conflict && atomic {
		abort(out, send)
		return nil, out
	}
	return send, out
}

func moved(now, old wire.ObjectID) error {
	return fmt.Errorf("%w: is at %s, not %s", ErrConflict, now, old)
}

func abort(out *Pushed, updates []RefUpdate) {
	for _, u := range updates {
		out.Results[u.Name] = ErrAborted
	}
}

func (p *inProcess) send(ctx context.Context, updates []RefUpdate, opts PushOptions) (*Pushed, error) {
	s, err := p.dial.dial(ctx, receivePack, version0)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	adv, err := refsOf(s, func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	if err := canPush(adv, updates, opts); err != nil {
		return nil, err
	}
	todo, out := compare(updates, adv.refs, opts.Atomic)
	if len(todo) == 0 {
		return out, nil
	}
	report, err := p.transfer(s, adv, todo, opts)
	if err != nil {
		return nil, err
	}
	return out, p.judge(ctx, todo, report, opts, out)
}

func canPush(adv *advert, updates []RefUpdate, opts PushOptions) error {
	if opts.Atomic && !adv.can("atomic") {
		return ErrNoAtomic
	}
	if !adv.can("report-status") {
		return fmt.Errorf("%w: host would not say how a push went", ErrProtocol)
	}
	if f, ok := adv.caps["object-format"]; ok && f != "sha1" {
		return fmt.Errorf("%w of the format that this program reads", ErrNotRepository)
	}
	for _, u := range updates {
		if u.New.IsZero() && !adv.can("delete-refs") {
			return fmt.Errorf("%w: host does not let refs be deleted", ErrRefused)
		}
	}
	return nil
}

// transfer sends commands and pack in one request and reads the report.
func (p *inProcess) transfer(s session, adv *advert, todo []RefUpdate, opts PushOptions) (*pushReport, error) {
	spool, err := p.remote.repo.newSpool()
	if err != nil {
		return nil, err
	}
	defer spool.Close()
	if err := p.writeRequest(spool, adv, todo, opts); err != nil {
		return nil, err
	}
	size, err := spool.rewind()
	if err != nil {
		return nil, err
	}
	answer, err := s.request(spool, size)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	var said []string
	report, err := readReport(answer, adv.can("side-band-64k"), func(words string) {
		said = append(said, "remote: "+words)
		if p.remote.opts.Progress != nil {
			p.remote.opts.Progress(words)
		}
	})
	if report != nil {
		report.said = strings.Join(said, "\n")
	}
	if errors.Is(err, ErrUnreachable) {
		err = fmt.Errorf("%w; %w", err, ErrUncertain)
	}
	return report, err
}

func (p *inProcess) writeRequest(w io.Writer, adv *advert, todo []RefUpdate, opts PushOptions) error {
	req := packp.NewReferenceUpdateRequest()
	caps := []capability.Capability{capability.ReportStatus}
	if adv.can("side-band-64k") {
		caps = append(caps, capability.Sideband64k)
	}
	if opts.Atomic {
		caps = append(caps, capability.Atomic)
	}
	for _, c := range caps {
		if err := req.Capabilities.Set(c); err != nil {
			return err
		}
	}
	if err := req.Capabilities.Set(capability.Agent, agent); err != nil {
		return err
	}
	var tips []wire.ObjectID
	for _, u := range todo {
		req.Commands = append(req.Commands, &packp.Command{
			Name: plumbing.ReferenceName(u.Name), Old: plumbing.Hash(u.Old), New: plumbing.Hash(u.New)})
		if !u.New.IsZero() {
			tips = append(tips, u.New)
		}
	}
	if err := req.Encode(w); err != nil {
		return err
	}
	if len(tips) == 0 {
		return nil // only deletions: no pack follows
	}
	return p.remote.repo.packFor(w, tips, shared(adv, todo))
}

// shared names what the host has.
func shared(adv *advert, todo []RefUpdate) []wire.ObjectID {
	ids := make([]wire.ObjectID, 0, len(todo)+len(adv.refs))
	for _, u := range todo {
		ids = append(ids, u.Old)
	}
	for _, id := range adv.refs {
		ids = append(ids, id)
	}
	return ids
}

// pushReport is what the host says of each ref; "" is ok.
type pushReport struct {
	unpack string
	refs   map[string]string
	said   string // beside the report: a line for each, "remote: " before it
}

// readReport reads a report-status answer (gitprotocol-pack, "Report Status").
func readReport(r io.Reader, banded bool, progress func(string)) (*pushReport, error) {
	r = &boundedReader{r: r, left: MaxAdvertised, what: "report of a push"}
	if banded {
		r = &sideband{p: newPktReader(r), progress: progress}
	}
	p := newPktReader(r)
	k, line, err := p.line()
	if err != nil {
		return nil, brokenOff(err)
	}
	words, ok := strings.CutPrefix(line, "unpack ")
	if k != pktData || !ok {
		return nil, fmt.Errorf("%w: %q instead of a report", ErrProtocol, clean(line))
	}
	rep := &pushReport{unpack: words, refs: map[string]string{}}
	for {
		k, line, err := p.line()
		switch {
		case err != nil:
			return nil, brokenOff(err)
		case k == pktFlush:
			return rep, nil
		}
		if err := rep.add(line); err != nil {
			return nil, err
		}
	}
}

func (rep *pushReport) add(line string) error {
	verdict, rest, _ := strings.Cut(line, " ")
	name, why, _ := strings.Cut(rest, " ")
	switch {
	case verdict == "ok" && why == "":
		rep.refs[name] = ""
	case verdict == "ng" && why != "":
		rep.refs[name] = clean(why)
	case verdict == "option":
	default:
		return fmt.Errorf("%w: %q in a report", ErrProtocol, clean(line))
	}
	return nil
}

// judge turns the report into results. Hosts say "failed to update ref" both
// for a lost race and for their own trouble, so after a no the refs are read again.
func (p *inProcess) judge(ctx context.Context, todo []RefUpdate, rep *pushReport, opts PushOptions, out *Pushed) error {
	var no []RefUpdate
	for _, u := range todo {
		why, said := rep.refs[u.Name]
		switch {
		case said && why == "" && rep.unpack == "ok":
			out.Results[u.Name] = nil
			continue
		case !said:
			out.Results[u.Name] = fmt.Errorf("%w: nothing said of the ref, unpack: %s", ErrRefused, clean(rep.unpack))
		case rep.unpack != "ok":
			out.Results[u.Name] = fmt.Errorf("%w: %s", ErrRefused, clean(rep.unpack))
		default:
			out.Results[u.Name] = fmt.Errorf("%w: %s", ErrRefused, why)
		}
		no = append(no, u)
	}
	if len(no) == 0 {
		return nil
	}
	defer out.quote(rep.said)
	s, err := p.dial.dial(ctx, receivePack, version0)
	if err != nil {
		return nil // the words of the report stand
	}
	defer s.Close()
	adv, err := refsOf(s, func(string) bool { return true })
	if err == nil {
		sortRefusals(no, adv.refs, opts.Atomic, out)
	}
	return nil
}

// quote adds to each refusal what the host said beside it: the report only knows
// "pre-receive hook declined", the hook said why.
func (p *Pushed) quote(said string) {
	var lines []string
	for line := range strings.Lines(said) {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "remote: ")
		if line = strings.TrimSpace(line); ok && line != "" && !progressLine(line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return
	}
	for name, err := range p.Results {
		if errors.Is(err, ErrRefused) {
			p.Results[name] = fmt.Errorf("%w: %s", err, clean(strings.Join(lines, "; ")))
		}
	}
}

// sortRefusals makes conflicts of the refusals whose ref is not at Old any more.
func sortRefusals(no []RefUpdate, shown map[string]wire.ObjectID, atomic bool, out *Pushed) {
	conflict := false
	for _, u := range no {
		if now := shown[u.Name]; now != u.Old && now != u.New {
			out.Results[u.Name] = moved(now, u.Old)
			conflict = true
		}
	}
	for _, u := range no {
		words := out.Results[u.Name].Error()
		inAtomic := strings.Contains(words, "atomic") || strings.Contains(words, "transaction")
		if atomic && !errors.Is(out.Results[u.Name], ErrConflict) && (conflict || inAtomic) {
			out.Results[u.Name] = ErrAborted
		}
	}
}
