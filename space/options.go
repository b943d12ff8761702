package space

import (
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Options say where this user's keys are and how they are unlocked. The zero
// value uses the user's configuration directory and asks nobody.
type Options struct {
	// Home holds this user's keys and settings (ESPACE_HOME). Empty: the folder
	// espace-git in the user's configuration directory.
	Home string
	// Passphrase is asked when the keys are locked and no agent holds them.
	// Nil: ErrLocked.
	Passphrase func() ([]byte, error)
	// NoPassphrase stores the keys of a new home unprotected.
	NoPassphrase bool
	// Agent is the command that runs the agent, identity.SelfAgent for a program
	// that has that verb. Empty: none is started.
	Agent []string
	// NoAgent neither asks an agent nor starts one.
	NoAgent bool
	// Git chooses the transport: "auto" (also ""), "git", "inprocess".
	Git string
	// MirrorTimeout is how long each mirror may delay a sync at most. 0: 10 seconds.
	MirrorTimeout time.Duration
	// Progress is told how far long work has come. It must not block.
	Progress func(Progress)
	// Now and Rand are seams for tests.
	Now  func() time.Time
	Rand io.Reader
}

// Progress of long work. Total is 0 where it is not known.
type Progress struct {
	Phase string `json:"phase"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

func (o Options) withDefaults() (Options, error) {
	if o.Home == "" {
		base, err := os.UserConfigDir()
		if err != nil {
			return o, err
		}
		o.Home = filepath.Join(base, "espace-git")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MirrorTimeout <= 0 {
		o.MirrorTimeout = mirrorTimeout
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o, nil
}
