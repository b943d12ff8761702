// diamond-types, compiled to WebAssembly. What is typed alone goes through its Doc; elsewhere a
// log and a branch are kept, so that several updates are merged at once.
import dt from 'diamond-types-node'

class Typed {
  constructor() { this.doc = new dt.Doc('d') }
  edit(pos, del, ins) {
    if (del) this.doc.del(pos, del)
    if (ins) this.doc.ins(pos, ins)
  }
  update() { return this.doc.toBytes() }
  length() { return this.doc.len() }
  save() { return this.doc.toBytes() }
}

class Text {
  constructor(device) {
    this.log = new dt.OpLog(`d${String(device).padStart(3, '0')}`)
    this.branch = new dt.Branch()
    this.from = this.log.getLocalVersion()
    this.size = 0 // of the text with what was edited since the branch was merged; -1: unknown
  }
  edit(pos, del, ins) {
    if (this.size < 0) this.size = this.branch.get().length
    pos = Math.min(pos, this.size)
    del = Math.min(del, this.size - pos)
    if (del) this.log.del(pos, del)
    if (ins) this.log.ins(pos, ins)
    this.size += ins.length - del
  }
  update() {
    const b = this.log.getPatchSince(this.from)
    this.branch.merge(this.log)
    this.from = this.log.getLocalVersion()
    return b
  }
  pull(updates) {
    for (const b of updates) this.log.addFromBytes(b)
    this.branch.merge(this.log)
    this.from = this.log.getLocalVersion()
    this.size = -1
  }
  length() { return this.branch.get().length }
  save() { return this.log.toBytes() }
}

export const typing = () => new Typed()

export const fresh = device => new Text(device)

export function log(updates) {
  const text = new Text(100)
  for (const b of updates) text.log.addFromBytes(b)
  return () => text.log.checkout().get().length
}

export function load(saved) {
  return dt.OpLog.fromBytes(saved, 'd').checkout().get().length
}

export const read = load
