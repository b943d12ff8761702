package identity

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// The agent is this program in a process of its own, with nothing in its arguments or
// environment. It gets one start message on its standard input, says "ready", and then
// answers on a socket: a request is a verb and the tag of the identity file, an answer a
// status and, for verbKey, the key.

const (
	verbKey  = 'k'
	verbStop = 's'

	statusOK      = 'o'
	statusRefused = 'r'

	agentReady = "ready\n"

	maxStart      = 8 << 10          // bytes of the start message
	maxAnswer     = 4 << 10          // bytes of an answer
	requestSize   = 1 + 32           // verb, tag
	agentPatience = 2 * time.Second  // for one request
	agentTick     = 15 * time.Second // how often it looks whether it should end
)

// startWire is the start message. Both sides are the same program: it has no versions.
type startWire struct {
	_        struct{} `cbor:",toarray"`
	Socket   string
	Identity string // path of the identity file; the agent ends when it changes
	Tag      wire.Hash
	Key      string
	Until    int64 // unix seconds
}

// RunAgent is the agent's main function: it serves until it is told to stop, its time is
// over, or the identity file changes, and returns an exit code. The program calls it,
// before it reads anything else, for its hidden verb (SelfAgent).
func RunAgent(stdin io.Reader, stdout io.Writer) int {
	hardenProcess()
	if err := runAgent(stdin, stdout); err != nil {
		return 1
	}
	return 0
}

func runAgent(stdin io.Reader, stdout io.Writer) error {
	a, err := readStart(stdin)
	if err != nil {
		return err
	}
	release, err := lockFile(a.start.Socket+".lock", 0)
	if err != nil {
		return err // another agent serves
	}
	defer release()
	l, err := listen(a.start.Socket)
	if err != nil {
		return err
	}
	defer l.Close() // removes the socket
	if _, err := io.WriteString(stdout, agentReady); err != nil {
		return err
	}
	return a.serve(l)
}

type agent struct {
	start startWire     // without its key
	key   func() string // a function: nothing prints it
	until time.Time     // by the wall clock: it runs on while the machine sleeps
	begun time.Time     // by the monotonic clock: nobody turns it back
}

func readStart(stdin io.Reader) (*agent, error) {
	b, err := io.ReadAll(io.LimitReader(stdin, maxStart))
	if err != nil {
		return nil, err
	}
	defer clear(b)
	a := &agent{begun: time.Now()}
	if err := wire.UnmarshalCBOR(b, &a.start); err != nil {
		return nil, fmt.Errorf("start message: %w", ErrDamaged)
	}
	key := a.start.Key
	a.key, a.start.Key = func() string { return key }, ""
	a.until = time.Unix(a.start.Until, 0)
	return a, nil
}

// listen makes the socket, for this user alone. The caller holds the agent's lock, so
// what lies there was left by a crash.
func listen(socket string) (*net.UnixListener, error) {
	_ = os.Remove(socket)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(socket, fileMode); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (a *agent) serve(l *net.UnixListener) error {
	for {
		if err := l.SetDeadline(a.nextLook(time.Now())); err != nil {
			return err
		}
		c, err := l.AcceptUnix()
		if a.over(time.Now()) {
			return nil
		}
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			continue
		}
		if err != nil {
			return err
		}
		if a.answer(c) {
			return nil
		}
	}
}

func (a *agent) nextLook(now time.Time) time.Time {
	if left := a.until.Sub(now); left < agentTick {
		return now.Add(max(left, 0) + time.Millisecond)
	}
	return now.Add(agentTick)
}

// over reports whether the agent has to forget the key.
func (a *agent) over(now time.Time) bool {
	if !now.Before(a.until) || now.Sub(a.begun) >= keepFor {
		return true
	}
	file, _, err := readFile(a.start.Identity, maxIdentity)
	return err != nil || tagOf(file) != a.start.Tag
}

// answer serves one request; it reports whether the agent was told to stop.
func (a *agent) answer(c *net.UnixConn) (stop bool) {
	defer c.Close()
	if !samePeer(c) || c.SetDeadline(time.Now().Add(agentPatience)) != nil {
		return false
	}
	var request [requestSize]byte
	if _, err := io.ReadFull(c, request[:]); err != nil {
		return false
	}
	if request[0] == verbStop {
		_, _ = c.Write([]byte{statusOK})
		return true
	}
	if request[0] != verbKey || wire.Hash(request[1:]) != a.start.Tag {
		_, _ = c.Write([]byte{statusRefused})
		return false
	}
	_, _ = c.Write(append([]byte{statusOK}, a.key()...))
	return false
}
