// Measures one peer: node peers.mjs PEER STORY.json… prints a line of JSON for
// each figure. README.md says what is measured.
import { readFileSync } from 'node:fs'
import { measure } from './measure.mjs'

const peers = {
  'diamond-types-node': './peer-dt.mjs',
  'loro-crdt': './peer-loro.mjs',
  'yjs': './peer-yjs.mjs',
}

const [name, ...files] = process.argv.slice(2)
if (!peers[name]) throw new Error(`unknown peer ${name}`)
const peer = await import(peers[name])
for (const file of files) {
  const story = JSON.parse(readFileSync(file, 'utf8'))
  measure(peer, story, (what, value) => {
    console.log(JSON.stringify({ story: story.name, measure: what, value }))
  })
}
