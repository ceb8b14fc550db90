// SPDX-License-Identifier: Apache-2.0
// A real OpenID Connect provider (oidc-provider from npm, certified by the OpenID foundation)
// for the tests, and tokens as it would not make them. Everybody signs in with any password.
//
//   node openid_provider.mjs key KID                a new key: the only one from now on
//   node openid_provider.mjs serve PORT REDIRECT    until it is ended; says "ready"
//   node openid_provider.mjs sign                   tokens for the lines of JSON on stdin:
//                                                   {header, payload, how}, how: key, other, none, hmac
//
// Keys are in keys.json of the current directory, private parts included.

import fs from "node:fs";
import { createHmac } from "node:crypto";
import readline from "node:readline";
import Provider from "oidc-provider";
import { exportJWK, generateKeyPair, importJWK, SignJWT } from "jose";

const [verb, ...words] = process.argv.slice(2);
const jwks = () => JSON.parse(fs.readFileSync("keys.json", "utf8"));

if (verb === "key") {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const jwk = { ...await exportJWK(privateKey), kid: words[0], use: "sig", alg: "RS256" };
  fs.writeFileSync("keys.json", JSON.stringify({ keys: [jwk] }));
} else if (verb === "serve") {
  const [port, redirect] = words, issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    jwks: jwks(),
    clients: [
      { client_id: "quartet", client_secret: "a secret of the client", redirect_uris: [redirect], grant_types: ["authorization_code"] },
      ...["alice", "nobody"].map((name) => ({
        client_id: `${name}-script`, client_secret: "script", redirect_uris: [], response_types: [], grant_types: ["client_credentials"],
      })),
    ],
    cookies: { keys: ["for tests only"] },
    claims: { openid: ["sub"], profile: ["preferred_username", "name"] },
    conformIdTokenClaims: false,
    pkce: { required: () => true, methods: ["S256"] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id, name: `${id} of elsewhere` }) }),
    extraTokenClaims: (_, token) => ({ preferred_username: token.clientId?.replace("-script", "") }),
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({ scope: "files", audience: resource, accessTokenFormat: "jwt", accessTokenTTL: 3600 }),
      },
    },
  });
  provider.on("server_error", (_, error) => console.error(error));
  provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
} else if (verb === "sign") {
  const part = (object) => Buffer.from(JSON.stringify(object)).toString("base64url");
  const other = (await generateKeyPair("RS256")).privateKey;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { header, payload, how } = JSON.parse(line), [jwk] = jwks().keys;
    if (how === "none") {
      console.log(`${part({ alg: "none", ...header })}.${part(payload)}.`);
    } else if (how === "hmac") { // with what everybody knows of the key as its secret
      const text = `${part({ alg: "HS256", kid: jwk.kid, ...header })}.${part(payload)}`;
      console.log(`${text}.${createHmac("sha256", Buffer.from(jwk.n, "base64url")).update(text).digest("base64url")}`);
    } else {
      const key = how === "other" ? other : await importJWK(jwk, "RS256");
      console.log(await new SignJWT(payload).setProtectedHeader({ alg: "RS256", kid: jwk.kid, ...header }).sign(key, { crit: { x: false } }));
    }
  }
}
