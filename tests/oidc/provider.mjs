// An OpenID provider that is not ours (oidc-provider), for tests. It signs access tokens and ID
// tokens through its own token endpoint; only the grant that names the wanted person is added here.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const GRANT = 'urn:example:params:oauth:grant-type:named-person';
const BROWSERS = { id: 'tracewell-browsers', secret: 'no secret: %+/' };
const CLIENT = { id: 'tracewell-tests', secret: 'not-a-secret' };

function newKeys() {
  const kinds = [
    ['RS256', 'rsa', { modulusLength: 2048 }],
    ['ES256', 'ec', { namedCurve: 'P-256' }],
    ['Ed25519', 'ed25519', {}],
  ];
  return kinds.map(([alg, kind, options]) => ({
    ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }),
    kid: randomUUID(),
    use: 'sig',
    ...(alg === 'RS256' ? {} : { alg }),
  }));
}

// Changes from the test are applied last, so that the provider itself signs odd tokens.
function change(target, changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete target[name];
    else target[name] = value;
  }
}

function named(ctx) {
  return JSON.parse(ctx.oidc.params.wanted);
}

async function issue(ctx) {
  const { client, provider } = ctx.oidc;
  const wanted = named(ctx);
  const access = new provider.AccessToken({
    accountId: wanted.sub,
    client,
    scope: 'openid',
    gty: GRANT,
    expiresIn: wanted.lifetime_s,
  });
  access.resourceServer = new provider.ResourceServer(wanted.audience, {
    audience: wanted.audience,
    scope: 'openid',
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: wanted.algorithm } },
  });
  const id = new provider.IdToken({ sub: wanted.sub }, { ctx });
  id.scope = 'openid';
  for (const [name, value] of Object.entries(wanted.claims)) id.set(name, value);
  const expiresAt = Math.floor(Date.now() / 1000) + wanted.lifetime_s;
  ctx.body = {
    access_token: await access.save(),
    id_token: await id.issue({ use: 'idtoken', expiresAt }),
    token_type: 'Bearer',
    expires_in: wanted.lifetime_s,
  };
}

function findAccount(ctx, id) {
  const claims = { sub: id, email: `${id}@example.org`, groups: id.split('-') };
  return { accountId: id, claims: async () => claims };
}

function makeProvider(issuer, keys, redirectUris) {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [],
        response_types: [],
        grant_types: [GRANT],
        token_endpoint_auth_method: 'client_secret_post',
      },
      {
        client_id: BROWSERS.id,
        client_secret: BROWSERS.secret,
        redirect_uris: redirectUris,
        post_logout_redirect_uris: redirectUris.map((uri) => new URL('/', uri).href),
      },
    ],
    jwks: { keys },
    claims: { email: ['email'], groups: ['groups'] },
    scopes: ['openid', 'email', 'groups'],
    findAccount,
    cookies: { keys: ['not-a-secret'] },
    // Its own pages for signing in and consent: any name, any password.
    features: { devInteractions: { enabled: true } },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'Ed25519'] },
    formats: {
      customizers: {
        jwt(ctx, token, parts) {
          const wanted = named(ctx);
          change(parts.payload, { ...wanted.claims, ...wanted.changes });
          parts.header = wanted.header;
        },
      },
    },
  });
  provider.on('server_error', (ctx, error) => console.error(error));
  provider.registerGrantType(GRANT, issue, ['wanted']);
  return provider.callback();
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const seen = {};
  let keys = newKeys();
  let redirectUris = ['http://127.0.0.1/unset'];
  let answer = makeProvider(issuer, keys, redirectUris);
  let out = false;

  const control = {
    '/control/rotate': () => {
      keys = newKeys();
      answer = makeProvider(issuer, keys, redirectUris);
    },
    '/control/browsers': (query) => {
      redirectUris = [query.get('redirect_uri')];
      answer = makeProvider(issuer, keys, redirectUris);
    },
    '/control/out': () => { out = true; },
    '/control/back': () => { out = false; },
    '/control/seen': () => {},
  };
  server.on('request', (request, response) => {
    const { pathname, searchParams } = new URL(request.url, issuer);
    if (control[pathname]) {
      control[pathname](searchParams);
      response.end(JSON.stringify(seen));
      return;
    }
    seen[request.url] = (seen[request.url] ?? 0) + 1;
    if (out) response.writeHead(503).end();
    else answer(request, response);
  });
  console.log(JSON.stringify({ issuer, client: CLIENT, browsers: BROWSERS, grant: GRANT }));
});

// The test run is over, however it ended, when nobody holds the other end.
process.stdin.on('end', () => process.exit(0)).resume();
