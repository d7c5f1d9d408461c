import { useMemo, useReducer, useState } from 'react';
import { GraphiQL } from 'graphiql';
import { examples } from './examples.js';
import { newFetcher } from './fetcher.js';

// Tokens change whenever the demo data is made anew, so the choice is remembered by its label.
const CHOICE = 'gatehouse:token';

const label = (token) => `${token.account} · ${token.role}`;

export function App({ config }) {
  const { endpoint, tokens, recordId } = config;
  const [token, setToken] = useState(() => tokens.find((t) => label(t) === localStorage.getItem(CHOICE)) ?? tokens[0]);
  const [, redraw] = useReducer((n) => n + 1, 0);
  // A new position for each account: a bookmark belongs to one, and an answer
  // that comes in after a switch lands in the position that it was asked from.
  const position = useMemo(() => ({ bookmark: '' }), [token?.account]);
  // GraphiQL fetches the schema again whenever its fetcher is another one.
  const fetcher = useMemo(() => newFetcher({ endpoint, token, position, onBookmark: redraw }), [endpoint, token, position]);
  const tabs = useMemo(() => examples(recordId), [recordId]);

  function choose(event) {
    const chosen = tokens[event.target.value];
    localStorage.setItem(CHOICE, label(chosen));
    setToken(chosen);
  }

  function forget() {
    position.bookmark = '';
    redraw();
  }

  return (
    <>
      <header className="gatehouse">
        <h1>gatehouse</h1>
        {tokens.length > 0 ? (
          <label>
            <span>Token</span>
            <select id="token" value={tokens.indexOf(token)} onChange={choose}>
              {tokens.map((t, i) => <option key={i} value={i}>{label(t)}</option>)}
            </select>
          </label>
        ) : <span>no demo tokens: set an Authorization header below</span>}
        {position.bookmark && (
          <span className="bookmark" title="The last bookmark received; sent with the next request">
            <span>Bookmark</span>
            <code id="bookmark">{position.bookmark}</code>
            <button type="button" onClick={forget} aria-label="Forget the bookmark" title="Forget the bookmark">×</button>
          </span>
        )}
      </header>
      <main>
        <GraphiQL fetcher={fetcher} defaultTabs={tabs} inputValueDeprecation schemaDescription>
          <GraphiQL.Logo>{' '}</GraphiQL.Logo>
        </GraphiQL>
      </main>
    </>
  );
}
