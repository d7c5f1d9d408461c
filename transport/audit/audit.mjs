// Runs all audits of graphql-http against the server at the given URL, prints
// what failed and a count, and fails unless every audit holds:
//
//   node audit.mjs http://127.0.0.1:8080/graphql [token]
import { auditServer } from 'graphql-http';

const [url, token] = process.argv.slice(2);
const fetchFn = (address, init = {}) =>
  fetch(address, { ...init, headers: { ...init.headers, ...(token ? { authorization: `Bearer ${token}` } : {}) } });

const results = await auditServer({ url, fetchFn });
for (const { id, name, status, reason } of results) {
  if (status !== 'ok') console.log(`${status} ${id} ${name}: ${reason}`);
}
const held = results.filter(({ status }) => status === 'ok').length;
console.log(`${held}/${results.length}`);
process.exit(held === results.length ? 0 : 1);
