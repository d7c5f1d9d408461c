// Reads the events of the server at the given URL as npm graphql-sse does,
// prints what went wrong, and fails unless all of it went well:
//
//   node events.mjs http://127.0.0.1:8080/graphql token
import assert from 'node:assert/strict';
import { createClient } from 'graphql-sse';

const [url, token] = process.argv.slice(2);
const client = (headers = { authorization: `Bearer ${token}` }, options = {}) =>
  createClient({ url, headers, retryAttempts: 0, ...options });

const all = (c, query, variables) =>
  new Promise((resolve, reject) => {
    const results = [];
    c.subscribe({ query, variables }, { next: (r) => results.push(r), error: reject, complete: () => resolve(results) });
  });

const c = client();
const [hello] = await all(c, '{ hello }');
assert.equal(hello.data.hello, '<world> & co');
const ticks = await all(c, 'subscription ($to: Int) { tick(to: $to) }', { to: 5 });
assert.deepEqual(ticks.map((r) => r.data.tick), [1, 2, 3, 4, 5]);

const many = await Promise.all(Array.from({ length: 20 }, (_, i) => all(c, 'subscription ($to: Int) { tick(to: $to) }', { to: i })));
many.forEach((results, i) => assert.equal(results.length, i));

// What is wrong with the request is an HTTP response; what fields say is in an event.
await assert.rejects(all(c, '{ nothing }'), (e) => e.response.status === 400);
await assert.rejects(all(client({ authorization: 'Bearer nobody' }), '{ hello }'), (e) => e.response.status === 401);
const [failed] = await all(c, '{ hello fail(code: "FORBIDDEN") }');
assert.equal(failed.errors[0].extensions.code, 'FORBIDDEN');

// A subscription that the client ends.
const iterator = c.iterate({ query: 'subscription { tick }' });
assert.equal((await iterator.next()).value.data.tick, 1);
await iterator.return();
c.dispose();

// The id of the last event leads on.
const response = await fetch(url, {
  method: 'POST',
  headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'content-type': 'application/json' },
  body: JSON.stringify({ query: 'subscription { tick(to: 3) }' }),
});
const id = (await response.text()).match(/^id: (.*)$/gm)[1].slice(4);
const rest = await all(client({ authorization: `Bearer ${token}`, 'last-event-id': id }), 'subscription { tick(to: 3) }');
assert.deepEqual(rest.map((r) => r.data.tick), [3]);

console.log('ok');
