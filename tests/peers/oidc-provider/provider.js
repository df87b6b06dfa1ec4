// An OpenID provider for tests: `node provider.js PORT SITE [TOKEN_SECONDS]`.
//
// It prints one line, its issuer, when it listens. The one client is `shop` with the
// secret `a-secret-of-the-test-client`; it is sent back to `SITE/oidc/callback`, and to
// `SITE/` after logout. Its own pages for login and consent take any name, which
// becomes the subject; `admin` is in the group `admins`. Keys are drawn at the start.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [port, site, seconds = "300"] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const key = (kid, type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }), kid, alg, use: "sig",
});

const provider = new Provider(issuer, {
  clients: [{
    client_id: "shop",
    client_secret: "a-secret-of-the-test-client",
    redirect_uris: [`${site}/oidc/callback`],
    post_logout_redirect_uris: [`${site}/`],
    grant_types: ["authorization_code", "refresh_token"],
    id_token_signed_response_alg: "ES256",
  }],
  jwks: { keys: [
    key("rsa", "rsa", { modulusLength: 2048 }, "RS256"),
    key("ec", "ec", { namedCurve: "P-256" }, "ES256"),
  ] },
  cookies: { keys: ["only for tests"] },
  claims: { openid: ["sub", "groups"], email: ["email"], profile: ["name"] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `${id} of the tests`,
      email: `${id}@example.com`,
      groups: id === "admin" ? ["admins", "staff"] : ["staff"],
    }),
  }),
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  ttl: { AccessToken: Number(seconds), IdToken: 300, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600 },
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  pkce: { required: () => true },
});

createServer(provider.callback()).listen(Number(port), "127.0.0.1", () => console.log(issuer));
