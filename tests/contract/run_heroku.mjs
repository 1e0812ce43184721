// Runs commands of the Heroku CLI in one process: starting it takes a second of processor time. Reads a line of JSON
// for each, a list of words; answers with a line: its status, and what it printed.
import {createRequire} from 'node:module'
import {createInterface} from 'node:readline'
import {pathToFileURL} from 'node:url'
const [root] = process.argv.slice(2)
const require = createRequire(root + '/package.json')
const {run} = await import(pathToFileURL(require.resolve('@oclif/core')))
const answer = process.stdout.write.bind(process.stdout)
const printed = {stdout: '', stderr: ''}
for (const name of Object.keys(printed)) {
  process[name].write = (text, encoding, done) => {
    printed[name] += text
    for (const called of [encoding, done]) if (typeof called === 'function') called()
    return true
  }
}
for await (const line of createInterface({input: process.stdin})) {
  printed.stdout = printed.stderr = ''
  let status = 0
  try {
    await run(JSON.parse(line), root)
  } catch (error) {
    status = error.oclif?.exit ?? 1
    if (status) printed.stderr += error.message
  }
  process.stdin.resume().ref() // some commands let go of it
  answer(JSON.stringify({status, ...printed}) + '\n')
}
