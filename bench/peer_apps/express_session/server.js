// A counter in a session of about 0.5 KB, as the README of express-session and connect-redis shows it.
'use strict';

const express = require('express');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');

async function main() {
  const client = createClient({ url: process.env.REDIS_URL });
  await client.connect();

  const app = express();
  app.disable('x-powered-by');
  app.use(session({
    store: new RedisStore({ client }),
    secret: 'bench',
    resave: false,
    saveUninitialized: false,
  }));

  app.get('/ready', (request, response) => response.json({ ready: true }));

  app.post('/fill', (request, response) => {
    request.session.note = 'x'.repeat(500);
    request.session.count = 0;
    response.json({ filled: true });
  });

  app.get('/count', (request, response) => {
    request.session.count = (request.session.count || 0) + 1;
    response.json({ count: request.session.count });
  });

  app.listen(Number(process.env.PORT), '127.0.0.1');
}

main();
