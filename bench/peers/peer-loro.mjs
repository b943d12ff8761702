// Loro. Positions count UTF-16 units, as in JavaScript; saved is a snapshot.
import { LoroDoc } from 'loro-crdt'

class Text {
  constructor(device) {
    this.doc = new LoroDoc()
    this.doc.setPeerId(BigInt(device + 1))
    this.text = this.doc.getText('text')
    this.from = this.doc.version()
  }
  edit(pos, del, ins) {
    const length = this.text.length
    pos = Math.min(pos, length)
    if (del) this.text.delete(pos, Math.min(del, length - pos))
    if (ins) this.text.insert(pos, ins)
  }
  update() {
    this.doc.commit()
    const b = this.doc.export({ mode: 'update', from: this.from })
    this.from = this.doc.version()
    return b
  }
  pull(updates) {
    if (updates.length === 1) this.doc.import(updates[0])
    else this.doc.importBatch(updates)
  }
  length() { return this.text.length }
  save() {
    this.doc.commit()
    return this.doc.export({ mode: 'snapshot' })
  }
}

// Hub is a detached document: it has the operations and no state. What it gives is one update,
// which Loro takes in faster than many.
class Hub {
  constructor() {
    this.doc = new LoroDoc()
    this.doc.detach()
  }
  know(updates) { this.doc.importBatch(updates) }
  bundle(updates, text) {
    this.know(updates)
    return [this.doc.export({ mode: 'update', from: text.doc.oplogVersion() })]
  }
}

export const hub = () => new Hub()

export const fresh = device => new Text(device)

export function load(saved) {
  const doc = LoroDoc.fromSnapshot(saved)
  return doc.getText('text').toString().length
}

export const read = load
