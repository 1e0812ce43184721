// An issuer of identities by oidc-provider, with its own pages: node issuer.mjs FOLDER PORT CLIENT SECRET REDIRECT_URI
// Anyone signs in with any password; a name is also the name of the person's group.
import {createRequire} from 'node:module'
import {pathToFileURL} from 'node:url'
const [folder, port, client_id, client_secret, redirect_uri] = process.argv.slice(2)
const require = createRequire(folder + '/package.json')
const {Provider} = await import(pathToFileURL(require.resolve('oidc-provider')))
const issuer = `http://127.0.0.1:${port}`
const provider = new Provider(issuer, {
  clients: [{client_id, client_secret, redirect_uris: [redirect_uri]}],
  scopes: ['openid', 'email', 'profile', 'groups'],
  claims: {openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups']},
  pkce: {required: () => true},
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({sub: id, email: `${id}@example.org`, email_verified: true, groups: [id]}),
  }),
})
provider.listen(Number(port), '127.0.0.1', () => console.log(issuer))
