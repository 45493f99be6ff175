// The certified provider with one client, for tests: reads its settings from the environment, a line "rotate" changes its
// signing key while it serves, and what it would post to the back-channel of its client it prints.
import { createServer } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const { REDIRECT_URI, LOGOUT_URI, CLIENT_ID, CLIENT_SECRET } = process.env;

const key = (kid) => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" };
};

const provider = (issuer, kid) =>
  new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [REDIRECT_URI],
        post_logout_redirect_uris: [],
        backchannel_logout_uri: LOGOUT_URI,
        backchannel_logout_session_required: true,
      },
    ],
    jwks: { keys: [key(kid)] },
    // A slow machine may take its time between the code and its exchange.
    ttl: { AuthorizationCode: 600 },
    cookies: { keys: ["a key of tests"] },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    // The test itself carries a back-channel logout to the engine.
    fetch: async (_url, options) => {
      process.stdout.write(`logout ${options.body}\n`);
      return new Response(null, { status: 200 });
    },
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
  }).callback();

let answer;
const server = createServer((request, response) => answer(request, response));
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const issuer = `http://127.0.0.1:${port}`;
  answer = provider(issuer, "first");
  createInterface({ input: process.stdin }).on("line", (line) => {
    if (line === "rotate") {
      answer = provider(issuer, "second");
      process.stdout.write("rotated\n");
    }
  });
  process.stdout.write(`listens on ${port}\n`);
});
