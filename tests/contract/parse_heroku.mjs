// Parses commands of the Heroku CLI with its own parser. Reads them as JSON, each a list of words; prints for each the
// complaint, or null. Runs none of them.
import {createRequire} from 'node:module'
import {pathToFileURL} from 'node:url'
const [root] = process.argv.slice(2)
const require = createRequire(root + '/package.json')
const {Config} = await import(pathToFileURL(require.resolve('@oclif/core')))
const config = await Config.load({root})
const complaint = async ([id, ...words]) => {
  const command = config.findCommand(id)
  if (!command) return `There is no command ${id}.`
  const Command = await command.load()
  try {
    await new Command(words, config).parse(Command, words)
    return null
  } catch (error) {
    return error.message
  }
}
let text = ''
for await (const piece of process.stdin) text += piece
const found = []
for (const words of JSON.parse(text)) found.push(await complaint(words))
console.log(JSON.stringify(found))
