// The measurements of replica.go, for peers that run in node. A peer exports
//
//	typing()                 optional: another copy for typing alone
//	fresh(device)            an empty copy with edit(pos, del, ins), update(), pull(updates), length(), save()
//	load(saved), read(saved) the length of the text that save gave
//	hub()                    optional: what joins updates for a copy beforehand, bundle(updates, text), know(updates)
//	log(updates)             optional: a function that merges a log in memory and gives the length

const enough = 3000, least = 5

function best(prepare) {
  let shortest = Infinity
  const start = performance.now(), since = () => performance.now() - start
  for (let i = 0; i < least || since() < enough / 3; i++) {
    if (i > 0 && since() > enough) break
    const run = prepare()
    const begin = performance.now()
    run()
    shortest = Math.min(shortest, performance.now() - begin)
  }
  return shortest
}

export function measure(peer, story, note) {
  const must = n => {
    if (n !== story.length) throw new Error(`${story.name}: the text has ${n} code points, not ${story.length}`)
  }
  if (story.kind === 'sequential') typing(peer, story, must, note)
  if (story.kind === 'concurrent') merging(peer, story, must, note)
  if (story.kind === 'lanes') lanes(peer, story, note)
}

function typing(peer, story, must, note) {
  let text
  note('typed', best(() => {
    text = (peer.typing ?? peer.fresh)(0)
    return () => {
      for (const step of story.steps) for (const [pos, del, ins] of step.edits) text.edit(pos, del, ins)
      must(text.length())
    }
  }))
  opening(peer, text, [text.update()], must, note)
}

function opening(peer, text, updates, must, note) {
  const saved = text.save()
  note('saved', saved.length)
  note('full', best(() => {
    const copy = peer.fresh(100), joined = bundled(peer, [], updates, copy)
    return () => {
      copy.pull(joined)
      must(copy.length())
    }
  }))
  if (peer.log) {
    note('log', best(() => {
      const replay = peer.log(updates)
      return () => must(replay())
    }))
  }
  note('read', best(() => () => must(peer.read(saved))))
  note('load', best(() => () => must(peer.load(saved))))
}

// bundled joins the fresh updates if the peer can, whose hub knows the earlier ones.
function bundled(peer, known, fresh, text) {
  const hub = peer.hub?.()
  if (!hub) return fresh
  if (known.length) hub.know(known)
  return hub.bundle(fresh, text)
}

// live lets devices live a story; timed is told what each timed pull took.
function live(peer, story, timed) {
  const devices = [], updates = [], hub = timed && peer.hub?.()
  for (let i = 0; i < story.devices; i++) devices.push(peer.fresh(i))
  for (const [i, step] of story.steps.entries()) {
    const text = devices[step.device]
    if (step.pull) {
      let pulled = step.pull.map(k => updates[k])
      if (hub) pulled = hub.bundle(pulled, text)
      const begin = performance.now()
      text.pull(pulled)
      if (timed && step.timed) timed(step.timed, performance.now() - begin)
    }
    if (!step.edits) continue
    for (const [pos, del, ins] of step.edits) text.edit(pos, del, ins)
    updates[i] = text.update()
  }
  return updates
}

function merging(peer, story, must, note) {
  const updates = live(peer, story).filter(u => u)
  const all = peer.fresh(100)
  all.pull(updates)
  opening(peer, all, updates, must, note)
  note('streamed', best(() => {
    const text = peer.fresh(100)
    return () => {
      for (const u of updates) text.pull([u])
      must(text.length())
    }
  }))
  const cut = Math.floor(updates.length * 99 / 100)
  note('last 1 %', best(() => {
    const text = peer.fresh(100)
    text.pull(updates.slice(0, cut))
    const rest = bundled(peer, updates, updates.slice(cut), text)
    return () => {
      text.pull(rest)
      must(text.length())
    }
  }))
}

function lanes(peer, story, note) {
  const away = [], begin = performance.now()
  let merges = []
  for (let round = 0; round < 3 && performance.now() - begin < 2 * enough; round++) {
    let i = 0
    live(peer, story, (what, took) => {
      if (what === 'away') away.push(took)
      else if (round === 0) merges.push(took)
      else merges[i] = Math.min(merges[i++], took)
    })
  }
  merges.sort((a, b) => a - b)
  note('p50', merges[Math.floor(merges.length / 2)])
  note('p99', merges[Math.floor(merges.length * 99 / 100)])
  note('away', Math.min(...away))
}
