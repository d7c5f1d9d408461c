// newFetcher makes what GraphiQL calls for every request, introspection too.
// position holds the caller's bookmark: it is sent with each request and replaced
// by what the response carries. A header typed in the page wins over ours.
export function newFetcher({ endpoint, token, position, onBookmark }) {
  function send(params, options, accept, signal) {
    const headers = new Headers({ 'Content-Type': 'application/json', Accept: accept });
    if (token) headers.set('Authorization', `Bearer ${token.token}`);
    if (position.bookmark) headers.set('Bookmark', position.bookmark);
    for (const [name, value] of Object.entries(options?.headers ?? {})) headers.set(name, value);
    return fetch(endpoint, { method: 'POST', headers, body: JSON.stringify(params), signal });
  }

  function note(bookmark) {
    if (!bookmark || bookmark === position.bookmark) return;
    position.bookmark = bookmark;
    onBookmark();
  }

  async function once(params, options) {
    const response = await send(params, options, 'application/graphql-response+json, application/json;q=0.9');
    note(response.headers.get('Bookmark'));
    return body(response);
  }

  async function* events(params, options, signal) {
    try {
      const response = await send(params, options, 'text/event-stream, application/json;q=0.9', signal);
      note(response.headers.get('Bookmark'));
      if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
        yield await body(response);
        return;
      }
      for await (const { event, data } of parseEvents(response.body)) {
        if (event === 'complete') return;
        if (event !== 'next') continue;
        const result = JSON.parse(data);
        note(result.extensions?.bookmark);
        yield result;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  // The stop button calls return, which a generator would only hear at its next event.
  function stream(params, options) {
    const abort = new AbortController();
    const iterator = events(params, options, abort.signal);
    return {
      [Symbol.asyncIterator]() { return this; },
      next: () => iterator.next(),
      return: () => { abort.abort(); return iterator.return(); },
    };
  }

  return (params, options) => (isSubscription(params, options) ? stream : once)(params, options);
}

function isSubscription({ operationName }, options) {
  const operations = options?.documentAST?.definitions.filter((d) => d.kind === 'OperationDefinition') ?? [];
  const chosen = operationName ? operations.find((o) => o.name?.value === operationName) : operations[0];
  return chosen?.operation === 'subscription';
}

// A proxy's error page is no JSON; its status says more than a parse error.
async function body(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return { status: `${response.status} ${response.statusText}`.trim(), body: text };
  }
}

async function* parseEvents(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (buffer + value).split(/\r?\n\r?\n/);
    buffer = blocks.pop();
    for (const block of blocks) {
      const message = { event: 'message', data: '' };
      for (const line of block.split(/\r?\n/)) {
        const [, field, text] = /^(event|data): ?(.*)$/.exec(line) ?? [];
        if (field === 'event') message.event = text;
        if (field === 'data') message.data += text;
      }
      yield message;
    }
  }
}
