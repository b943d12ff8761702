package view

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	paged "github.com/espace-git/espace-git/checkpoint"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	sealing "github.com/espace-git/espace-git/seal"
)

var benchPlace = paged.Place{Space: wire.Hash{1}, Epoch: wire.Hash{2}}

// page makes a checkpoint of a sealed view, and keeps its new blobs.
func (h benchHost) page(b *testing.B, db *DB, prev *paged.Manifest) *paged.Built {
	builder := paged.New(benchPlace, [32]byte{3}, prev, rand.Reader)
	builder.Emit = func(p paged.Page) error {
		if p.Blob != nil {
			h[p.Hash] = p.Blob
		}
		return nil
	}
	must(b, db.View(context.Background(), func(tx *Tx) error { return tx.ExportRows(builder.Add) }))
	built, err := builder.Finish()
	must(b, err)
	return built
}

type benchHost map[wire.Hash][]byte

func (h benchHost) fetch(name wire.Hash) ([]byte, error) { return h[name], nil }

// fillAuthors is a store of rows by ten devices.
func fillAuthors(b *testing.B, count int) *DB {
	db := newStore(b, benchSchema)
	for from := 0; from < count; from += 10_000 {
		must(b, db.Update(context.Background(), func(tx *Tx) error { return foldSome(b, tx, from, 10_000) }))
	}
	return db
}

func timed(total *time.Duration, fn func()) {
	start := time.Now()
	fn()
	*total += time.Since(start)
}

// BenchmarkCheckpoint seals, exports and pages rows; again after 100 of them changed;
// and reads the pages into an empty store. 100,000 rows: the first well under 2 s.
func BenchmarkCheckpoint(b *testing.B) {
	for _, count := range []int{10_000, 100_000} {
		b.Run("rows="+sizeName(count), func(b *testing.B) { benchCheckpoint(b, count) })
	}
}

func benchCheckpoint(b *testing.B, count int) {
	var sealed, full, again, read time.Duration
	var pages, changed, bytes int
	for b.Loop() {
		b.StopTimer()
		db, h := fillAuthors(b, count), benchHost{}
		opening := uint64(count/2) << 16 // half of the stamps are lowered
		b.StartTimer()
		timed(&sealed, func() {
			must(b, db.Update(context.Background(), func(tx *Tx) error { return tx.SealRows(opening) }))
		})
		var first, second *paged.Built
		timed(&full, func() { first = h.page(b, db, nil) })
		pages = len(first.Pages)
		for _, blob := range h {
			bytes += len(blob)
		}
		b.StopTimer()
		changeSome(b, db, count, 100)
		before := len(h)
		b.StartTimer()
		timed(&again, func() {
			must(b, db.Update(context.Background(), func(tx *Tx) error { return tx.SealRows(opening + 1<<40) }))
			second = h.page(b, db, first.Manifest)
		})
		changed = len(h) - before
		timed(&read, func() { readBack(b, h, second.Manifest) })
	}
	perOp := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(b.N) / 1000 }
	b.ReportMetric(perOp(sealed), "seal-ms")
	b.ReportMetric(perOp(full), "export+page-ms")
	b.ReportMetric(perOp(again), "after-100-changes-ms")
	b.ReportMetric(perOp(read), "read-ms")
	b.ReportMetric(float64(pages), "pages")
	b.ReportMetric(float64(changed), "new-pages")
	b.ReportMetric(float64(bytes)/float64(b.N)/1024, "KiB")
}

// changeSome updates rows that lie close together in ten places.
func changeSome(b *testing.B, db *DB, count, changes int) {
	must(b, db.Update(context.Background(), func(tx *Tx) error {
		for n := range changes {
			row := viewOp(b, n%10*(count/10)+n/10)
			st := stamp(uint64(count+n+1)<<16, 3, uint64(count+n+1))
			row.Kind, row.Cells = merge.Update, row.Cells[2:]
			if _, err := tx.Apply(st.Device, wire.MemberIDOf(st.Device), st, []merge.Op{row}); err != nil {
				return err
			}
		}
		return nil
	}))
}

func readBack(b *testing.B, h benchHost, m *paged.Manifest) {
	s, err := sealing.NewSecret(rand.Reader)
	must(b, err)
	key := s.ManifestKey(benchPlace.Epoch)
	box, err := m.Seal(key, rand.Reader)
	must(b, err)
	u, err := paged.Open(benchPlace, key, box)
	must(b, err)
	db := newStore(b, benchSchema)
	must(b, db.Update(context.Background(), func(tx *Tx) error {
		if _, err := paged.Read(u, h.fetch, tx.ImportRow); err != nil {
			return err
		}
		return tx.EndImport()
	}))
}
