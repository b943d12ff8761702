package view

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ncruces/go-sqlite3/vfs"
	vfsadiantum "github.com/ncruces/go-sqlite3/vfs/adiantum"
	"lukechampine.com/adiantum"
	"lukechampine.com/adiantum/hbsh"
)

// KeySize is the length of a store's key in bytes.
const KeySize = 32

// fileKey gives the encrypting file layer its key. The layer asks for a key by
// a name that stands in the file's URI and in SQLite's memory, and may end in
// an error message: so the name is a constant, and the key never leaves Go.
type fileKey [KeySize]byte

// String keeps the key out of everything that is printed.
func (fileKey) String() string { return "[store key]" }

// GoString is as String.
func (fileKey) GoString() string { return "[store key]" }

// KDF is called with the name of the key, or with "" for a temporary file,
// which gets a key of its own.
func (k *fileKey) KDF(name string) []byte {
	if name == keyName {
		return k[:]
	}
	random := make([]byte, KeySize)
	rand.Read(random)
	return random
}

// HBSH makes the wide-block cipher.
func (k *fileKey) HBSH(key []byte) *hbsh.HBSH {
	if len(key) != KeySize {
		return nil
	}
	return adiantum.New(key)
}

const (
	keyName = "store"
	// cryptBlock is the unit of encryption; a block's tweak is its offset.
	cryptBlock = 4096
)

// register makes a file layer with this key known to SQLite under a random name.
func register(base vfs.VFS, key *fileKey) (name string) {
	name = "espace-" + rand.Text()
	vfs.Register(name, vfsadiantum.Wrap(base, key))
	return name
}

// checkKey looks at the first block of the database before SQLite does. SQLite
// takes a write-ahead log that does not open for an empty one, and removes it
// when it closes: a wrong key would destroy what was acknowledged. A database
// whose first page was torn by a power cut is known by its log.
func checkKey(path string, key *fileKey) error {
	for try := 0; ; try++ {
		ok, err := opens(path, key, isDatabase)
		if err != nil || ok {
			return err
		}
		if ok, err = opens(path+"-wal", key, isLog); ok && err == nil {
			return nil
		}
		if try == 2 { // not a page that another process is just writing
			return ErrKey
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// opens says whether the first block of a file, opened with key, begins as it should.
func opens(path string, key *fileKey, begins func([]byte) bool) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("opening the store: %w", err)
	}
	defer f.Close()
	var block [cryptBlock]byte
	if _, err := io.ReadFull(f, block[:]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("opening the store: %w", err)
	}
	var tweak [8]byte
	return begins(adiantum.New(key[:]).Decrypt(block[:], tweak[:])), nil
}

func isDatabase(b []byte) bool { return string(b[:16]) == "SQLite format 3\x00" }

// isLog knows the magic of a write-ahead log (https://sqlite.org/fileformat2.html §4.1).
func isLog(b []byte) bool { return binary.BigEndian.Uint32(b)&^1 == 0x377f0682 }
