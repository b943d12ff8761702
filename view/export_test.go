package view

import "testing"

// Bare is SQLite alone, in the same kind of file with the same settings, for
// benchmarks of what stands on this package.
type Bare struct{ c *conn }

// NewBare makes the table that BareInsert fills.
func NewBare(b *testing.B) Bare { return Bare{bare(b)} }

// Insert writes row n; durable if no transaction is open.
func (b Bare) Insert(tb *testing.B, n int) { bareInsert(tb, b.c, n) }

// Batch runs fn in one transaction.
func (b Bare) Batch(tb *testing.B, fn func()) {
	if err := b.c.exec("BEGIN IMMEDIATE"); err != nil {
		tb.Fatal(err)
	}
	fn()
	if err := b.c.exec("COMMIT"); err != nil {
		tb.Fatal(err)
	}
}
