// Yjs. Its save keeps no deleted text (its garbage collection is on, as by default).
import * as Y from 'yjs'

class Text {
  constructor(device) {
    this.doc = new Y.Doc()
    this.doc.clientID = device + 1
    this.text = this.doc.getText('text')
    this.made = []
    this.local = true
    this.doc.on('update', u => { if (this.local) this.made.push(u) })
  }
  edit(pos, del, ins) {
    pos = Math.min(pos, this.text.length)
    this.doc.transact(() => {
      if (del) this.text.delete(pos, Math.min(del, this.text.length - pos))
      if (ins) this.text.insert(pos, ins)
    })
  }
  update() {
    const all = this.made.length === 1 ? this.made[0] : Y.mergeUpdates(this.made)
    this.made = []
    return all
  }
  pull(updates) {
    this.local = false
    this.doc.transact(() => { for (const u of updates) Y.applyUpdate(this.doc, u) })
    this.local = true
  }
  length() { return this.text.length }
  save() { return Y.encodeStateAsUpdate(this.doc) }
}

export const hub = () => ({ know() {}, bundle: updates => [Y.mergeUpdates(updates)] })

export const fresh = device => new Text(device)

export function load(saved) {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, saved)
  return doc.getText('text').toString().length
}

export const read = load
