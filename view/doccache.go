package view

import "sync"

const (
	// maxCachedDocs and maxCachedSize bound the documents that a store keeps in
	// memory, and about their bytes.
	maxCachedDocs = 256
	maxCachedSize = 32 << 20
)

// docCache holds documents as they were after some commit. A transaction takes one
// out, so that nobody else folds it meanwhile, and gives it back at its end.
type docCache struct {
	mu    sync.Mutex
	docs  map[docKey]*openDoc
	bytes int
	clock uint64
}

// take fills in a document, if the one that is kept is a state that the transaction
// sees: another process may have gone on, and a reader may see what was before.
func (c *docCache) take(o *openDoc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.docs[o.docKey]
	if kept == nil || kept.version != o.version || kept.folded > o.last || kept.column.document != o.column.document {
		return
	}
	c.drop(kept)
	o.doc, o.folded, o.size, o.snapped = kept.doc, kept.folded, kept.size, kept.snapped
}

// give keeps a document. newest says that it is of the last commit.
func (c *docCache) give(o *openDoc, newest bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.doc == nil || o.id == 0 || o.size > maxCachedSize {
		return
	}
	if kept := c.docs[o.docKey]; kept != nil {
		if !newest && (kept.version != o.version || kept.folded >= o.folded) {
			return
		}
		c.drop(kept)
	}
	if c.docs == nil {
		c.docs = map[docKey]*openDoc{}
	}
	c.clock++
	o.used = c.clock
	c.docs[o.docKey] = o
	for c.bytes += o.size; len(c.docs) > maxCachedDocs || c.bytes > maxCachedSize; {
		c.drop(c.oldest())
	}
}

func (c *docCache) drop(kept *openDoc) {
	delete(c.docs, kept.docKey)
	c.bytes -= kept.size
}

// oldest is what was given back before all others.
func (c *docCache) oldest() (oldest *openDoc) {
	for _, o := range c.docs {
		if oldest == nil || o.used < oldest.used {
			oldest = o
		}
	}
	return oldest
}

// giveBack hands the documents of a transaction over to the next. What was not
// committed is not kept.
func (tx *Tx) giveBack(committed bool) {
	for _, o := range tx.docs {
		if committed || !o.mine {
			tx.db.docs.give(o, tx.write)
		}
	}
	tx.docs = nil
}
