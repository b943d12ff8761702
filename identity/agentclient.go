package identity

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// SelfAgent is the command that runs the agent in this program: its executable with the
// hidden verb "agent", which its main function must route to RunAgent.
func SelfAgent() []string {
	path, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{path, "agent"}
}

// AgentRunning reports whether an agent serves this home.
func AgentRunning(home string) bool {
	file, _, err := readFile(filepath.Join(home, protectedName), maxIdentity)
	if err != nil {
		return false
	}
	_, ok := askAgent(home, tagOf(file))
	return ok
}

// maxSocketPath is what every system accepts (macOS: 104 with the final zero).
const maxSocketPath = 100

// socketPath lies in the home, so that `lock` finds the agent from any session. Where
// that is too long for a socket it is named by the home's hash, in a directory that this
// user owns.
func socketPath(home string) string {
	path := filepath.Join(home, "agent.sock")
	if len(path) <= maxSocketPath {
		return path
	}
	h := wire.Sum([]byte(home))
	return filepath.Join("/tmp", fmt.Sprintf("espace-git-%d", os.Getuid()), wire.Short([16]byte(h[:16]))+".sock")
}

// askAgent is the key, if an agent of this user has the one with this tag.
func askAgent(home string, tag wire.Hash) (atRest, bool) {
	answer, err := callAgent(home, verbKey, tag)
	if err != nil || len(answer) == 0 || answer[0] != statusOK {
		return atRest{}, false
	}
	defer clear(answer)
	u, err := parseAtRest(answer[1:])
	return u, err == nil
}

// callAgent makes one request. The socket's directory and the process at its other end
// must be this user's: a planted agent could hand out a key that others know.
func callAgent(home string, verb byte, tag wire.Hash) ([]byte, error) {
	socket := socketPath(home)
	if err := checkDir(filepath.Dir(socket)); err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("unix", socket, agentPatience)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if !samePeer(conn.(*net.UnixConn)) {
		return nil, ErrPermissions
	}
	if err := conn.SetDeadline(time.Now().Add(agentPatience)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(append([]byte{verb}, tag[:]...)); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(conn, maxAnswer))
}

// startAgent runs command as the agent of home, for the given time, and returns when it
// serves. The key goes through a pipe; the environment is empty.
func startAgent(command []string, home string, tag wire.Hash, u atRest, life time.Duration) error {
	if !agentSupported {
		return errors.New("no agent on this system")
	}
	socket := socketPath(home)
	if err := makeDir(filepath.Dir(socket)); err != nil {
		return err
	}
	message, err := wire.MarshalCBOR(startWire{
		Socket: socket, Identity: filepath.Join(home, protectedName), Tag: tag,
		Key: u.id().String(), Until: time.Now().Add(life).Unix(),
	})
	if err != nil {
		return err
	}
	defer clear(message)
	return launch(command, message)
}

// launch starts the process with message on its standard input and waits for its word.
func launch(command []string, message []byte) error {
	in, out, err := pipes()
	if err != nil {
		return err
	}
	defer in.close()
	defer out.close()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Dir = []string{}, "/"
	cmd.Stdin, cmd.Stdout = in.r, out.w
	cmd.SysProcAttr = detached()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the agent: %w", err)
	}
	go func() { _ = cmd.Wait() }() // in a long-lived program it leaves no zombie
	out.w.Close()
	if _, err := in.w.Write(message); err != nil {
		return fmt.Errorf("starting the agent: %w", err)
	}
	in.w.Close()
	return awaitReady(out.r)
}

func awaitReady(r *os.File) error {
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	word := make([]byte, len(agentReady))
	if _, err := io.ReadFull(r, word); err != nil || string(word) != agentReady {
		return errors.New("starting the agent: it does not serve")
	}
	return nil
}

type pipe struct{ r, w *os.File }

func (p pipe) close() {
	p.r.Close()
	p.w.Close()
}

func pipes() (in, out pipe, err error) {
	if in.r, in.w, err = os.Pipe(); err != nil {
		return in, out, err
	}
	if out.r, out.w, err = os.Pipe(); err != nil {
		in.close()
	}
	return in, out, err
}

// stopAgent tells the agent to stop and waits until its process has let go of its lock:
// an agent that just starts, and has no socket yet, holds that too.
func stopAgent(home string) error {
	path := socketPath(home) + ".lock"
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil // there never was one
	}
	for end := time.Now().Add(5 * time.Second); ; {
		_, _ = callAgent(home, verbStop, wire.Hash{})
		release, err := lockFile(path, 100*time.Millisecond)
		if err == nil {
			release()
			return nil
		}
		if !errors.Is(err, ErrBusy) || time.Now().After(end) {
			return err
		}
	}
}
