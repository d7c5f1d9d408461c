// Stands in for prettier's babel and estree plugins, half a megabyte which GraphiQL
// uses for nothing but the variables and headers editors. Comments are kept.
import { applyEdits, format } from 'jsonc-parser';

export const parsers = {
  jsonc: {
    astFormat: 'jsonc-text',
    parse: (text) => ({ text }),
    locStart: () => 0,
    locEnd: ({ text }) => text.length,
  },
};

export const printers = {
  'jsonc-text': {
    print: ({ node: { text } }) => applyEdits(text, format(text, undefined, { tabSize: 2, insertSpaces: true })),
  },
};
