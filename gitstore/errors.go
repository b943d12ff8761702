package gitstore

import "errors"

// What callers match with errors.Is. The text beside each names the class of STYLE.md.
var (
	// ErrNotFound: the object is not in this store.
	ErrNotFound = errors.New("object not found")
	// ErrCorrupt: bytes do not have the name, length or form they claim.
	ErrCorrupt = errors.New("corrupt object")
	// ErrTooBig: a limit (the caller's or limits.go's) was met before anything was kept.
	ErrTooBig = errors.New("too big")
	// ErrBadTree: a tree that no writer of ours makes (order, mode, name). Its bytes are whole.
	ErrBadTree = errors.New("tree not allowed")
	// ErrBadRefName: the name would not be a safe ref name.
	ErrBadRefName = errors.New("bad ref name")

	// ErrConflict: someone was faster. Read again, build anew, retry.
	ErrConflict = errors.New("ref has moved")
	// ErrAborted: the update was fine, but another of the same atomic push was not.
	ErrAborted = errors.New("not pushed: another ref of the same atomic push failed")
	// ErrNoAtomic: the host does not offer atomic pushes; nothing was sent.
	ErrNoAtomic = errors.New("host does not offer atomic pushes")
	// ErrUncertain: the host went away after the request was sent, so the push may
	// have happened: fetch before anything else. It comes together with ErrUnreachable.
	ErrUncertain = errors.New("outcome of the push is unknown")

	// ErrUnreachable: no connection, or it broke.
	ErrUnreachable = errors.New("host not reachable")
	// ErrAuth: the host wants other credentials, or does not let these in.
	ErrAuth = errors.New("access denied by host")
	// ErrNotRepository: there is a host, but no repository at that place.
	ErrNotRepository = errors.New("no git repository there")
	// ErrRefused: the host answered no, in words that the error carries.
	ErrRefused = errors.New("refused by host")
	// ErrProtocol: the host's answer is not what the git protocol allows.
	ErrProtocol = errors.New("host broke the git protocol")
	// ErrMissing: the host shows a ref but not everything that it points to.
	ErrMissing = errors.New("host lacks objects that the ref needs")
	// ErrURL: the address of the remote is not one that we open.
	ErrURL = errors.New("remote address not allowed")
	// ErrNoGit: this needs the git program, which is not installed.
	ErrNoGit = errors.New("git is not installed")
)
