// Runs wappalyzer-core over captures. Arguments: package folder, fingerprint folder. Reads a JSON
// line of items per page, writes a line with the technologies found, and at last the CPU seconds.
// Only matching is timed: the items are cut out of the pages by the caller.
const fs = require('fs')
const path = require('path')
const readline = require('readline')

const [, , packages, fingerprints] = process.argv
const engine = require(path.join(packages, 'node_modules/wappalyzer-core/wappalyzer.js'))

const data = {}
for (const file of fs.readdirSync(path.join(fingerprints, 'technologies'))) {
  Object.assign(data, JSON.parse(fs.readFileSync(path.join(fingerprints, 'technologies', file))))
}
engine.setTechnologies(data)
engine.setCategories(JSON.parse(fs.readFileSync(path.join(fingerprints, 'categories.json'))))

// Those that need others are tried too: what they need is decided later.
const waiting = [...engine.requires, ...engine.categoryRequires]
const all = [...new Set([...engine.technologies, ...waiting.flatMap((one) => one.technologies)])]

let microseconds = 0
const lines = readline.createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const items = JSON.parse(line)
  const before = process.cpuUsage()
  const found = engine.analyze(items, all)
  const used = process.cpuUsage(before)
  microseconds += used.user + used.system
  const seen = found.map(({ technology, pattern, version }) => [
    technology.name,
    pattern.type,
    pattern.regex ? pattern.regex.source : '',
    version || '',
  ])
  console.log(JSON.stringify(seen))
})
lines.on('close', () => console.log(JSON.stringify({ cpu_s: microseconds / 1e6 })))
