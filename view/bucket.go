package view

import (
	"iter"

	"github.com/ncruces/go-sqlite3"
)

// Buckets hold the small precious things of other packages: cursors, ledger
// envelopes, logs of lanes, what waits to be sent, evidence. A bucket is a name;
// it begins with its first key and ends with its last. Keys are ordered by
// their bytes. Buckets that begin with "view" are this package's own.

// Put stores value under key, in place of what was there.
func (tx *Tx) Put(bucket string, key, value []byte) error {
	if err := tx.may(true); err != nil {
		return err
	}
	err := tx.c.exec(`INSERT INTO bucket$ (bucket, key, value) VALUES (?1, ?2, ?3)
		ON CONFLICT (bucket, key) DO UPDATE SET value = excluded.value`, bucket, blob(key), blob(value))
	return failed("storing in bucket "+bucket, err)
}

// Get returns a copy of the value under key; ok is false if there is none.
func (tx *Tx) Get(bucket string, key []byte) (value []byte, ok bool, err error) {
	if err := tx.may(false); err != nil {
		return nil, false, err
	}
	ok, err = tx.c.first("SELECT value FROM bucket$ WHERE bucket = ?1 AND key = ?2", []any{bucket, blob(key)},
		func(s *sqlite3.Stmt) { value = s.ColumnBlob(0, []byte{}) })
	return value, ok, failed("reading bucket "+bucket, err)
}

// Delete removes key, if it is there.
func (tx *Tx) Delete(bucket string, key []byte) error {
	if err := tx.may(true); err != nil {
		return err
	}
	err := tx.c.exec("DELETE FROM bucket$ WHERE bucket = ?1 AND key = ?2", bucket, blob(key))
	return failed("deleting from bucket "+bucket, err)
}

// Pair is a key and its value in a bucket.
type Pair struct{ Key, Value []byte }

// Each goes through the pairs of a bucket whose keys begin with prefix, in the
// order of their keys. The loop may write to the bucket: it sees the bucket as
// it is when it comes to a place.
func (tx *Tx) Each(bucket string, prefix []byte) iter.Seq2[Pair, error] {
	return tx.From(bucket, prefix, prefix)
}

// From is Each, beginning at the first key that is not less than start.
func (tx *Tx) From(bucket string, prefix, start []byte) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		key, op := start, ">="
		for {
			pairs, err := tx.page(bucket, prefix, key, op)
			if err != nil {
				yield(Pair{}, err)
				return
			}
			for _, p := range pairs {
				if !yield(p, nil) {
					return
				}
			}
			if len(pairs) == 0 {
				return
			}
			key, op = pairs[len(pairs)-1].Key, ">"
		}
	}
}

// pageBytes bounds what Each holds in memory, besides one pair.
const pageBytes = 1 << 20

// page reads some pairs from key on. Reading in pages leaves no statement
// running while the caller's code does.
func (tx *Tx) page(bucket string, prefix, key []byte, op string) (pairs []Pair, err error) {
	if err := tx.may(false); err != nil {
		return nil, err
	}
	query := "SELECT key, value FROM bucket$ WHERE bucket = ?1 AND key " + op + " ?2"
	args := []any{bucket, blob(key)}
	if end := after(prefix); end != nil {
		query += " AND key < ?3"
		args = append(args, end)
	}
	size := 0
	err = tx.c.each(query+" ORDER BY key LIMIT 256", args, func(s *sqlite3.Stmt) error {
		p := Pair{s.ColumnBlob(0, []byte{}), s.ColumnBlob(1, []byte{})}
		pairs = append(pairs, p)
		if size += len(p.Key) + len(p.Value); size > pageBytes {
			return errStop
		}
		return nil
	})
	if err == errStop {
		err = nil
	}
	return pairs, failed("reading bucket "+bucket, err)
}

// after is the least key above all that begin with prefix; nil if there is none.
func after(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}

// blob makes a nil slice an empty blob: keys and values are never null.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
