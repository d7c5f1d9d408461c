// Lives with the server at the given URL as npm graphql-ws does, prints what
// went wrong, and fails unless all of it went well:
//
//   node sockets.mjs http://127.0.0.1:8080/graphql token
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [address, token] = process.argv.slice(2);
const url = address.replace(/^http/, 'ws');
const client = (options = {}) =>
  createClient({
    url,
    webSocketImpl: WebSocket,
    lazy: true,
    retryAttempts: 0,
    connectionParams: { authorization: `Bearer ${token}` },
    ...options,
  });

// all returns the results of an operation, and throws what it failed with.
const all = (c, query, variables) =>
  new Promise((resolve, reject) => {
    const results = [];
    c.subscribe({ query, variables }, { next: (r) => results.push(r), error: reject, complete: () => resolve(results) });
  });

const c = client();
const [hello] = await all(c, '{ hello }');
assert.equal(hello.data.hello, '<world> & co');
assert.ok(hello.extensions.bookmark);
const ticks = await all(c, 'subscription ($to: Int) { tick(to: $to) }', { to: 5 });
assert.deepEqual(ticks.map((r) => r.data.tick), [1, 2, 3, 4, 5]);

// Many operations at once over one socket.
const many = await Promise.all(Array.from({ length: 50 }, (_, i) => all(c, 'subscription ($to: Int) { tick(to: $to) }', { to: i })));
many.forEach((results, i) => assert.equal(results.length, i));

// What can't be executed is an error; it ends its operation and nothing else.
await assert.rejects(all(c, '{ nothing }'), (errors) => errors[0].message.includes('nothing'));
const [failed] = await all(c, '{ hello fail(code: "FORBIDDEN") }');
assert.equal(failed.errors[0].extensions.code, 'FORBIDDEN');
assert.equal(failed.data.hello, hello.data.hello);

// A subscription that the client ends.
const iterator = c.iterate({ query: 'subscription { tick }' });
assert.equal((await iterator.next()).value.data.tick, 1);
await iterator.return();
assert.equal((await all(c, '{ hello }')).length, 1);
await c.dispose();

// The close codes that a client acts on.
const closed = (options) =>
  new Promise((resolve) => {
    const other = client({ ...options, on: { closed: (event) => resolve(event.code) } });
    all(other, '{ hello }').catch(() => {});
  });
assert.equal(await closed({ connectionParams: { authorization: 'Bearer nobody' } }), 4403);
assert.equal(await closed({ connectionParams: {} }), 4403);

console.log('ok');
